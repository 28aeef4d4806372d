using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Cifar3.Tests;

/// <summary>Uploads at the bounds of what a form and a request may be.</summary>
public sealed class FormBoundsTests
{
    private ServiceApp service = null!;

    [OneTimeSetUp]
    public async Task Start() => service = await ServiceApp.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await service.DisposeAsync();

    [TestCase(1, 200)]
    [TestCase(100, 200)]
    [TestCase(101, 400)]
    public async Task Predict_BoundaryOfAForm_HasAtMostAHundredCharacters(int length, int status)
    {
        string boundary = new('b', length);

        using var response = await SendAsync(boundary, "filename=\"a.jpg\"");

        Assert.That((int)response.StatusCode, Is.EqualTo(status));
    }

    /// <summary>Names beyond ASCII stand in filename* (RFC 5987), which clients send beside filename.</summary>
    [TestCase("filename=\"x.jpg\"; filename*=UTF-8''%C3%A4.jpg", "ä.jpg")]
    [TestCase("filename=\"{200}\"", "{200}")]
    [TestCase("filename=\"{201}\"", "{200}")]
    public async Task Predict_NameOfAFile_IsTheClientsUpTo200Characters(string disposition, string expected)
    {
        using var response = await SendAsync("b", Long(disposition));

        Assert.That((await response.Content.ReadFromJsonAsync<JsonElement>())[0].GetProperty("file").GetString(), Is.EqualTo(Long(expected)));

        static string Long(string text) => text.Replace("{200}", new string('n', 200), StringComparison.Ordinal).Replace("{201}", new string('n', 201), StringComparison.Ordinal);
    }

    /// <summary>And the connection serves the next request.</summary>
    [Test]
    public async Task Predict_BodyOfAsManyBytesAsTheLimit_IsAnswered()
    {
        byte[] jpeg = ImageCorpus.Files["jpeg"];
        await using var small = await ServiceApp.StartAsync(options => (options.MaxImageBytes, options.MaxRequestBytes) = (jpeg.Length, jpeg.Length));

        using var response = await small.Client.PostAsync("/predict", ServiceApp.Raw(jpeg));
        using var larger = await small.Client.PostAsync("/predict", ServiceApp.Raw([.. jpeg, 0]));

        Assert.That((response.StatusCode, response.Headers.ConnectionClose), Is.EqualTo((HttpStatusCode.OK, (bool?)null)));
        Assert.That((larger.StatusCode, larger.Headers.ConnectionClose), Is.EqualTo((HttpStatusCode.RequestEntityTooLarge, (bool?)true)));
    }

    /// <summary>The server's own count comes before the service's where a body tells no length, or its form has fields beside the files: the metrics called it a bad request.</summary>
    [TestCase("/predict", "image/png", true)]
    [TestCase("/predict", "multipart/form-data; boundary=b", true)]
    [TestCase("/predict", "multipart/form-data; boundary=b", false)]
    [TestCase("/v2/models/cifar3/infer", "application/json", true)]
    public async Task Request_OverTheLimit_IsCountedAsSuch(string path, string type, bool chunked)
    {
        await using var small = await ServiceApp.StartAsync(options => (options.MaxImageBytes, options.MaxRequestBytes) = (1000, 1000));
        using var seen = new Measurements(small);
        byte[] body = [.. Encoding.ASCII.GetBytes("--b\r\nContent-Disposition: form-data; name=note\r\n\r\n"), .. new byte[2000]];
        using HttpContent content = chunked ? new PushedContent(body) : new ByteArrayContent(body);
        content.Headers.TryAddWithoutValidation("Content-Type", type);

        using var response = await small.Client.PostAsync(path, content);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
        Assert.That(seen.Tags("cifar3.refusals", "cifar3.kind"), Is.EqualTo(new[] { "too_large" }));
    }

    /// <summary>It said that the content may have been read by another component already.</summary>
    [TestCase("")]
    [TestCase("--b\r\nContent-Disposition: form-data; name=f; filename=a.jpg\r\n\r\nbytes")]
    [TestCase("--b\r\nContent-Disposition: form-data; name=f; filename=a.jpg\r\n\r\nbytes\r\n--b")]
    public async Task Predict_FormWithoutItsEnd_IsToldSo(string body)
    {
        using var content = new StringContent(body);
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", "multipart/form-data; boundary=b");

        using var response = await service.Client.PostAsync("/predict", content);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString(), Is.EqualTo("The form is not whole: it ends before the boundary '--b--' that closes it."));
    }

    private async Task<HttpResponseMessage> SendAsync(string boundary, string disposition)
    {
        byte[] body = [.. Encoding.UTF8.GetBytes($"--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; {disposition}\r\n\r\n"), .. ImageCorpus.Files["jpeg"], .. Encoding.UTF8.GetBytes($"\r\n--{boundary}--\r\n")];
        using var content = ServiceApp.Raw(body, type: null);
        content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse($"multipart/form-data; boundary={boundary}");
        return await service.Client.PostAsync("/predict", content);
    }

    /// <summary>A body of a length that it does not tell.</summary>
    private sealed class PushedContent(byte[] body) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => stream.WriteAsync(body).AsTask();

        protected override bool TryComputeLength(out long length) => (length = 0) > 0;
    }
}
