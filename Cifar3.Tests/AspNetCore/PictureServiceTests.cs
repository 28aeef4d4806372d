using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Cifar3.AspNetCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cifar3.Tests;

/// <summary>Uploads of pictures over HTTP: what they give, and that nothing a client sends is the server's fault.</summary>
public sealed class PictureServiceTests
{
    private ServiceApp service = null!;

    [OneTimeSetUp]
    public async Task Start() => service = await ServiceApp.StartAsync(options => options.MaxImageBytes = 2 << 20);

    [OneTimeTearDown]
    public async Task Stop() => await service.DisposeAsync();

    [TestCase("image/png")]
    [TestCase("application/octet-stream")]
    [TestCase("application/x-www-form-urlencoded")] // curl --data-binary
    [TestCase(null)]
    public async Task Predict_PictureAsBody_IsWhatTheClassifierSays(string? type)
    {
        byte[] png = ImageCorpus.Files["png rgb"];
        using var classifier = Cifar3Classifier.LoadDefault();
        var expected = classifier.Predict(png);

        using var response = await service.Client.PostAsync("/predict", ServiceApp.Raw(png, type));
        var json = await response.Content.ReadFromJsonAsync<JsonElement>();

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(json.GetProperty("label").GetString(), Is.EqualTo(expected.Label));
        Assert.That(json.GetProperty("probabilities").EnumerateArray().Select(c => c.GetProperty("probability").GetSingle()), Is.EqualTo(expected.Probabilities).Within(1e-6));
        Assert.That(json.GetProperty("version").GetString(), Is.EqualTo("shipped"));
    }

    /// <summary>A calibrated model says how familiar a picture is to it, without being asked; a model without a threshold, and one whose graph has no logits, do not.</summary>
    [Test]
    public async Task Predict_CalibratedModel_SaysWhatIsFamiliar()
    {
        var images = Cifar3Data.Synthetic(trainCount: 3, testCount: 60, seed: 5).Test;
        var model = TestModels.Random(filters: [4, 4, 8]).Calibrate(images);
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, "model.onnx"), fast = Path.Combine(folder, "fast.onnx");
        model.SaveOnnx(path);
        model.SaveOnnx(fast, new OnnxExportOptions { Flavor = OnnxFlavor.Optimized });
        await using var app = await ServiceApp.StartAsync(options => options.ModelPath = path, services => services.AddCifar3Classifier(options => options.ModelPath = fast, "fast"));
        using var classifier = Cifar3Classifier.FromModel(model, new ClassifierOptions { Familiarity = true });

        foreach (int i in new[] { 0, 1, 2, 3 })
        {
            byte[] png = TestImages.Encode(i == 3 ? new byte[CnnArchitecture.ImageBytes] : images.Image(i).ToArray(), 32, 32, SkiaSharp.SKEncodedImageFormat.Png);
            var expected = classifier.Predict(png);
            var answer = await (await app.Client.PostAsync("/predict/cifar3", ServiceApp.Raw(png))).Content.ReadFromJsonAsync<JsonElement>();

            Assert.That(answer.GetProperty("familiarity").GetSingle(), Is.EqualTo(expected.Familiarity!.Value).Within(1e-4));
            Assert.That(answer.GetProperty("isFamiliar").GetBoolean(), Is.EqualTo(expected.IsFamiliar!.Value));
        }

        var plain = await (await app.Client.PostAsync("/predict/fast", ServiceApp.Raw(ImageCorpus.Files["jpeg"]))).Content.ReadFromJsonAsync<JsonElement>();
        Assert.That(plain.TryGetProperty("familiarity", out _) || plain.TryGetProperty("isFamiliar", out _), Is.False);
    }

    [Test]
    public async Task Predict_Form_AnswersEachFileInItsPlace()
    {
        using var form = new MultipartFormDataContent
        {
            { ServiceApp.Raw(ImageCorpus.Files["jpeg"]), "files", "a.jpg" },
            { ServiceApp.Raw(Encoding.UTF8.GetBytes("no picture")), "files", "<b>.txt" },
            { ServiceApp.Raw(ImageCorpus.Files["gif"]), "files", "c.gif" },
            { new StringContent("no file"), "remark" },
        };

        using var response = await service.Client.PostAsync("/predict/cifar3", form);
        var answers = (await response.Content.ReadFromJsonAsync<JsonElement>()).EnumerateArray().ToList();

        Assert.That(answers.Select(a => a.GetProperty("file").GetString()), Is.EqualTo(new[] { "a.jpg", "<b>.txt", "c.gif" }));
        Assert.That(answers.Select(a => a.TryGetProperty("label", out _)), Is.EqualTo(new[] { true, false, true }));
        Assert.That(answers[1].GetProperty("error").GetString(), Does.Contain("a text file"));
        using var alone = new MultipartFormDataContent { { ServiceApp.Raw(Encoding.UTF8.GetBytes("no picture")), "files", "b.txt" } };
        Assert.That((await service.Client.PostAsync("/predict/cifar3", alone)).StatusCode, Is.EqualTo(HttpStatusCode.UnsupportedMediaType), "nothing else was answered");
    }

    [Test]
    public async Task Read_BodyOfTheLimit_IsWholeAndOneByteMoreIsRefused([Values(10, 100_000)] int limit, [Values] bool declared)
    {
        var bytes = new byte[limit];
        new Random(limit + (declared ? 1 : 0)).NextBytes(bytes); // rented memory holds those of another case

        using (var body = await RequestGate.ReadAsync(new MemoryStream(bytes), declared ? limit : null, limit, "It", default))
        {
            Assert.That(body.Memory.ToArray(), Is.EqualTo(bytes));
        }

        Assert.That(async () => await RequestGate.ReadAsync(new MemoryStream([.. bytes, 1]), declared ? limit + 1 : null, limit, "It", default), Throws.TypeOf<RefusalException>().With.Message.Contains("Expected at most"));
    }

    /// <summary>The hostile pictures of the decoder's own tests, whole, cut off, and with bytes changed.</summary>
    [Test]
    public async Task Predict_HostilePictures_AreAnsweredOrRefusedWithOneLine()
    {
        var random = new Random(5);
        foreach (var (name, file) in ImageCorpus.Files)
        {
            var variants = new List<byte[]> { file, file[..(file.Length / 2)], file[..Math.Min(12, file.Length)] };
            for (int i = 0; i < 6; i++)
            {
                byte[] changed = [.. file];
                for (int k = 0; k < 4; k++)
                {
                    changed[random.Next(changed.Length)] = (byte)random.Next(256);
                }

                variants.Add(changed);
            }

            foreach (byte[] variant in variants)
            {
                using var response = await service.Client.PostAsync("/predict", ServiceApp.Raw(variant));
                await AssertAnsweredAsync(response, name);
            }
        }
    }

    /// <summary>
    /// What the decoder's tests make to cost much (parts beside the pixels, decompression bombs, endless scans, sides of 65,536, other formats), over HTTP: answered or refused with one
    /// line, and the process takes no more than the limits say.
    /// </summary>
    [Test]
    public async Task Predict_PicturesMadeToCostMuch_AreAnsweredOrRefusedWithinTheStatedMemory()
    {
        await using var own = await ServiceApp.StartAsync(options => (options.MaxConcurrency, options.MaxImageBytes) = (2, 12 << 20));
        byte[] progressive = ImageCorpus.Files["jpeg progressive"], last = progressive[progressive.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA])..^2];
        List<(string Name, byte[] File)> hostile =
        [
            .. PicturePartsTests.Padded.Select(kind => (kind, PicturePartsTests.Pad(kind, 10_000_000))),
            .. ImageCorpus.OtherFormats.Select(format => (format.Key, format.Value)),
            .. ImageCorpus.Files.Select(file => ($"{file.Key}, cut off", file.Value[..(file.Value.Length * 2 / 3)])),
            ("scans", [.. progressive[..^2], .. Enumerable.Range(0, 2000).SelectMany(_ => last), 0xFF, 0xD9]),
            ("bomb of 16 megapixels", PngFile.Create(4096, 4096, 8, PngColour.Rgba)),
            ("bomb of 400 megapixels", PngFile.Create(20_000, 20_000, 1, PngColour.Grey)),
            ("jpeg of 400 megapixels", JpegFile.Create(20_000, 20_000, 1, (_, _, _) => 60)),
            ("a side of 65,536", TestImages.Resized(PngFile.Create(1, 1, 8, PngColour.Grey), 1, 65_536)),
            ("no side", TestImages.Resized(PngFile.Create(1, 1, 8, PngColour.Grey), 0, 0)),
        ];
        using var growth = new MemoryGrowth();

        foreach (var (name, file) in hostile)
        {
            using var response = await own.Client.PostAsync("/predict", ServiceApp.Raw(file));
            await AssertAnsweredAsync(response, name);
        }

        using var form = new MultipartFormDataContent();
        foreach (var (name, file) in hostile.Where(picture => picture.File.Length < 1 << 20))
        {
            form.Add(ServiceApp.Raw(file), "files", "x.png");
        }

        using var answer = await own.Client.PostAsync("/predict", form);
        TestContext.Out.WriteLine($"{hostile.Count} pictures one by one and {form.Count()} in a form: the process grew by {growth.Peak / 1e6:F0} MB");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await answer.Content.ReadFromJsonAsync<JsonElement>()).EnumerateArray().Count(), Is.EqualTo(form.Count()));
        Assert.That(growth.Peak, Is.LessThan((2L * 12 << 20) + (8 << 20) + 4 * (1L << 25) + (200L << 20)), "a body and its copies, 4 bytes for each of 33,554,432 pixels, and what client and test hold themselves");
        using var next = await own.Client.PostAsync("/predict", ServiceApp.Raw(ImageCorpus.Files["jpeg"]));
        Assert.That(next.StatusCode, Is.EqualTo(HttpStatusCode.OK), "the service goes on");
    }

    private static IEnumerable<TestCaseData> Refused()
    {
        yield return new TestCaseData(Array.Empty<byte>(), "image/png", 415, "an empty file").SetArgDisplayNames("empty");
        yield return new TestCaseData(Encoding.UTF8.GetBytes("hello"), "image/png", 415, "a text file").SetArgDisplayNames("text");
        yield return new TestCaseData(Encoding.UTF8.GetBytes("%PDF-1.7 …"), "application/octet-stream", 415, "a PDF file").SetArgDisplayNames("pdf");
        yield return new TestCaseData(ImageCorpus.Files["png rgb"], "application/json", 415, "content type").SetArgDisplayNames("json");
        yield return new TestCaseData(ImageCorpus.Files["png rgb"][..60], "image/png", 400, "cut off|damaged|decoded").SetArgDisplayNames("cut off");
        yield return new TestCaseData(new byte[(2 << 20) + 1], "image/png", 413, "too many bytes").SetArgDisplayNames("bytes");
        yield return new TestCaseData(PngFile.Create(10_000, 5_000, 1, PngColour.Grey, (_, _, _) => 1), "image/png", 413, "10,000x5,000 pixels").SetArgDisplayNames("50 megapixels");
        yield return new TestCaseData(Encoding.UTF8.GetBytes("--x"), "multipart/form-data", 400, "boundary").SetArgDisplayNames("no boundary");
        yield return new TestCaseData(Encoding.UTF8.GetBytes("--x\r\nnonsense"), "multipart/form-data; boundary=x", 400, ".").SetArgDisplayNames("broken form");
        yield return new TestCaseData(Encoding.UTF8.GetBytes("--x--\r\n"), "multipart/form-data; boundary=x", 400, "no file").SetArgDisplayNames("empty form");
    }

    [TestCaseSource(nameof(Refused))]
    public async Task Predict_BadRequest_HasItsStatusAndOneLine(byte[] body, string type, int status, string reason)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.TryAddWithoutValidation("Content-Type", type);

        using var response = await service.Client.PostAsync("/predict", content);

        Assert.That((int)response.StatusCode, Is.EqualTo(status), await response.Content.ReadAsStringAsync());
        Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/problem+json"));
        string detail = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString()!;
        Assert.That(detail, Does.Match(reason).And.Not.Contain("\n"));
    }

    /// <summary>The client sends a body whole before it looks for an answer: cut off there, it would report a broken connection, and so would the next request.</summary>
    [Test]
    public async Task Predict_PictureOverTheLimit_IsRefusedAndTheConnectionGoesOn([Values] bool chunked)
    {
        for (int i = 0; i < 10; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/predict") { Content = new StreamContent(new MemoryStream(new byte[9 << 20])) };
            request.Headers.TransferEncodingChunked = chunked;
            using var refused = await service.Client.SendAsync(request);
            using var next = await service.Client.PostAsync("/predict", ServiceApp.Raw(ImageCorpus.Files["jpeg"]));

            Assert.That((int)refused.StatusCode, Is.EqualTo(413));
            Assert.That(await refused.Content.ReadAsStringAsync(), Does.Contain("Expected at most 2,097,152"));
            Assert.That(refused.Headers.ConnectionClose, Is.Null);
            Assert.That(next.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }
    }

    [Test]
    public async Task Predict_FormOfFilesOrBytesOverTheLimit_IsRefused()
    {
        byte[] picture = ImageCorpus.Files["jpeg"];
        await using var own = await ServiceApp.StartAsync(options => (options.MaxImageBytes, options.MaxBatch) = (picture.Length, 2));

        Assert.That(await Status(picture, picture), Is.EqualTo(200));
        Assert.That(await Status(picture, picture, picture), Is.EqualTo(413));
        Assert.That(await Status([.. picture, 0]), Is.EqualTo(413));

        async Task<int> Status(params byte[][] files)
        {
            using var form = new MultipartFormDataContent();
            Array.ForEach(files, file => form.Add(ServiceApp.Raw(file), "files", "a.jpg"));
            using var response = await own.Client.PostAsync("/predict", form);
            return (int)response.StatusCode;
        }
    }

    [Test]
    public async Task Predict_RequestOverTheLimit_EndsTheConnectionAndSaysSo()
    {
        await using var own = await ServiceApp.StartAsync(options => options.MaxImageBytes = options.MaxRequestBytes = 1 << 20);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/predict") { Content = new ByteArrayContent(new byte[(1 << 20) + 1]) };
        request.Headers.ExpectContinue = true; // the body stays here, so that the answer comes for certain

        using var response = await own.Client.SendAsync(request);

        Assert.That((int)response.StatusCode, Is.EqualTo(413));
        Assert.That(response.Headers.ConnectionClose, Is.True);
    }

    [Test]
    public async Task Predict_UnknownModel_Is404AndNamesThoseThatThereAre()
    {
        using var response = await service.Client.PostAsync("/predict/other", ServiceApp.Raw(ImageCorpus.Files["jpeg"]));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("Models here: cifar3"));
    }

    [Test]
    public async Task Page_AndOpenApiAndHealth_AreThere()
    {
        string page = await service.Client.GetStringAsync("/");
        using var script = await service.Client.GetAsync("/cifar3.js");
        var api = await service.Client.GetFromJsonAsync<JsonElement>("/openapi/v1.json");

        Assert.That(page, Does.Contain("What does the picture show?").And.Not.Contain("http"));
        Assert.That(script.Content.Headers.ContentType!.MediaType, Is.EqualTo("text/javascript"));
        Assert.That(script.Headers.GetValues("Content-Security-Policy").Single(), Does.StartWith("default-src 'none'"));
        Assert.That(api.GetProperty("paths").EnumerateObject().Select(p => p.Name), Is.SupersetOf(new[] { "/predict", "/models", "/v2/models/{model}/infer" }));
        Assert.That(await service.Client.GetStringAsync("/health"), Is.EqualTo("Healthy"));
    }

    [TestCase(0, 2.2, 3, TestName = "Predict_NoFreePlace_Is503WithRetryAfter(in whole seconds, not too early)")]
    [TestCase(2, 0, 1, TestName = "Predict_NoFreePlace_Is503WithRetryAfter(not at once)")]
    public async Task Predict_NoFreePlace_Is503WithRetryAfter(int queue, double seconds, int said)
    {
        await using var small = await ServiceApp.StartAsync(options => (options.MaxConcurrency, options.MaxQueue, options.RetryAfter) = (1, queue, TimeSpan.FromSeconds(seconds)));
        using var gate = new SemaphoreSlim(0);
        using var seen = new Measurements(small);
        var slow = Enumerable.Range(0, 1 + queue).Select(_ => SendSlowly()).ToList();
        Assert.That(() => small.Arrived, Is.EqualTo(1 + queue).After(60_000, 5));
        HttpResponseMessage next;
        do
        {
            await Task.Delay(20);
            next = await small.Client.PostAsync("/predict", ServiceApp.Raw(ImageCorpus.Files["jpeg"]));
        }
        while (next.IsSuccessStatusCode && slow.TrueForAll(request => !request.IsCompleted)); // until these have their places

        Assert.That(next.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(next.Headers.RetryAfter!.Delta, Is.EqualTo(TimeSpan.FromSeconds(said)));
        Assert.That(seen.Tags("cifar3.refusals", "cifar3.kind"), Is.EqualTo(new[] { "busy" }));
        gate.Release(1 + queue);
        Assert.That((await Task.WhenAll(slow)).Select(response => response.StatusCode), Is.All.EqualTo(HttpStatusCode.OK), "those that had the places are answered");
        Assert.That((await small.Client.PostAsync("/predict", ServiceApp.Raw(ImageCorpus.Files["jpeg"]))).StatusCode, Is.EqualTo(HttpStatusCode.OK), "a place is free again");

        async Task<HttpResponseMessage> SendSlowly()
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/predict") { Content = new StreamContent(new SlowStream(ImageCorpus.Files["jpeg"], gate)) };
            request.Headers.TransferEncodingChunked = true;
            return await small.Client.SendAsync(request);
        }
    }

    [Test]
    public async Task Stop_DuringRequests_AnswersThoseThatWereAccepted()
    {
        await using var stopping = await ServiceApp.StartAsync();
        using var gate = new SemaphoreSlim(0);
        using var slow = new HttpRequestMessage(HttpMethod.Post, "/predict") { Content = new StreamContent(new SlowStream(ImageCorpus.Files["jpeg"], gate)) };
        slow.Headers.TransferEncodingChunked = true;
        var accepted = stopping.Client.SendAsync(slow);
        Assert.That(() => stopping.Arrived, Is.EqualTo(1).After(60_000, 5));

        var stop = stopping.App.StopAsync();
        await Task.Delay(100);
        gate.Release();

        Assert.That((await accepted).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await stop;
    }

    [Test]
    public async Task Metrics_OfRequests_AreCountedByModelAndKind()
    {
        await using var measured = await ServiceApp.StartAsync();
        using var seen = new Measurements(measured);

        await measured.Client.PostAsync("/predict", ServiceApp.Raw(ImageCorpus.Files["jpeg"]));
        await measured.Client.PostAsync("/predict", ServiceApp.Raw([1, 2, 3]));
        await measured.App.StopAsync(); // both are over

        Assert.That(seen.Values("cifar3.predictions"), Is.EqualTo(new[] { 1 }));
        Assert.That(seen.Tags("cifar3.predictions", "cifar3.version"), Is.EqualTo(new[] { "shipped" }));
        Assert.That(seen.Tags("cifar3.request.duration", "cifar3.endpoint"), Is.EqualTo(new[] { "predict" }));
        Assert.That(seen.Tags("cifar3.refusals", "cifar3.kind"), Is.EqualTo(new[] { "unknown_format" }));
        Assert.That(seen.Values("cifar3.requests.active"), Is.EquivalentTo(new[] { 1, 1, -1, -1 }));
    }

    private static async Task AssertAnsweredAsync(HttpResponseMessage response, string name)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.That((int)response.StatusCode, Is.AnyOf(200, 400, 413, 415), $"{name}: {text}");
        if (!response.IsSuccessStatusCode)
        {
            Assert.That(JsonDocument.Parse(text).RootElement.GetProperty("detail").GetString(), Is.Not.Empty.And.Not.Contain("\n"), name);
        }
    }

    /// <summary>Gives its first byte at once and the others when the gate opens.</summary>
    private sealed class SlowStream(byte[] content, SemaphoreSlim gate) : MemoryStream(content)
    {
        private int reads;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (++reads == 1)
            {
                return Read(buffer.Span[..1]);
            }

            if (reads == 2)
            {
                await gate.WaitAsync(cancellationToken);
            }

            return Read(buffer.Span);
        }

        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) => Copy(destination, cancellationToken);

        private async Task Copy(Stream destination, CancellationToken cancellationToken)
        {
            byte[] buffer = new byte[4096];
            for (int read; (read = await ReadAsync(buffer, cancellationToken)) > 0;)
            {
                await destination.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                await destination.FlushAsync(cancellationToken);
            }
        }
    }
}
