using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Cifar3.Tests;

/// <summary>The Open Inference Protocol v2 from a client's side, and a model replaced while clients ask.</summary>
public sealed class InferenceProtocolTests
{
    private static readonly ImageSet Images = Cifar3Data.Synthetic(trainCount: 3, testCount: 32, seed: 2).Test;

    /// <summary>A black image as an input in JSON.</summary>
    private static readonly string Zeros = "{\"name\":\"pixels\",\"datatype\":\"UINT8\",\"shape\":[1,32,32,3],\"data\":[" + string.Join(",", Enumerable.Repeat("0", CnnArchitecture.ImageBytes)) + "]}";

    private ServiceApp service = null!;
    private string path = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        path = ServiceApp.SaveModel(Path.Combine(TestFiles.NewFolder(), "model.onnx"), seed: 1);
        service = await ServiceApp.StartAsync(options => options.ModelPath = path);
    }

    [OneTimeTearDown]
    public async Task Stop() => await service.DisposeAsync();

    [Test]
    public async Task HealthAndMetadata_AreTheProtocols()
    {
        Assert.That((await service.Client.GetAsync("/v2/health/live")).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await service.Client.GetAsync("/v2/health/ready")).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await service.Client.GetAsync("/v2/models/cifar3/ready")).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await service.Client.GetAsync("/v2/models/other/ready")).StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await service.Client.GetAsync("/v2/models/cifar3/versions/9/ready")).StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await service.Client.GetFromJsonAsync<JsonElement>("/v2")).GetProperty("extensions")[0].GetString(), Is.EqualTo("binary_tensor_data"));

        var model = await service.Client.GetFromJsonAsync<JsonElement>("/v2/models/cifar3");
        Assert.That(model.GetProperty("inputs").EnumerateArray().Select(i => $"{i.GetProperty("name")} {i.GetProperty("datatype")} {i.GetProperty("shape").GetRawText()}"), Is.EqualTo(new[] { "pixels UINT8 [-1,32,32,3]", "input FP32 [-1,32,32,3]" }));
        string version = model.GetProperty("versions")[0].GetString()!;
        Assert.That((await service.Client.GetAsync($"/v2/models/cifar3/versions/{version}")).StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Infer_JsonOfBytesAndFractions_GivesTheClassifiersScores([Values("pixels", "input")] string input, [Values] bool nested)
    {
        int count = 2, stride = CnnArchitecture.ImageBytes;
        IEnumerable<string> numbers = Images.Pixels[..(count * stride)].ToArray().Select(b => input == "pixels" ? b.ToString(CultureInfo.InvariantCulture) : (b / 255f).ToString("R", CultureInfo.InvariantCulture));
        string data = nested ? "[" + string.Join(",", numbers.Chunk(stride).Select(image => $"[{string.Join(",", image)}]")) + "]" : $"[{string.Join(",", numbers)}]";
        string body = $$$"""{"id":"a\"b","inputs":[{"data":{{{data}}},"name":"{{{input}}}","datatype":"{{{(input == "pixels" ? "UINT8" : "FP32")}}}","shape":[2,32,32,3]}],"outputs":[{"name":"labels"},{"name":"probabilities"}]}""";

        using var response = await service.Client.PostAsync("/v2/models/cifar3/infer", new StringContent(body, Encoding.UTF8, "application/json"));
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>();

        using var classifier = Cifar3Classifier.Load(path);
        var expected = classifier.PredictPixelsBatch(Images.Pixels[..(count * stride)]);
        Assert.That(answer.GetProperty("id").GetString(), Is.EqualTo("a\"b"));
        Assert.That(answer.GetProperty("outputs")[0].GetProperty("data").EnumerateArray().Select(e => e.GetString()), Is.EqualTo(expected.Select(p => p.Label)));
        Assert.That(answer.GetProperty("outputs")[1].GetProperty("data").EnumerateArray().Select(e => e.GetSingle()), Is.EqualTo(expected.SelectMany(p => p.Probabilities)).Within(1e-6));
        Assert.That(answer.GetProperty("outputs")[1].GetProperty("shape").GetRawText(), Is.EqualTo("[2,3]"));
    }

    [Test]
    public async Task Infer_BinaryTensors_GiveTheSame([Values] bool fractions)
    {
        using var classifier = Cifar3Classifier.Load(path);

        var (version, scores) = await InferBinaryAsync(service.Client, Images.Pixels.ToArray(), fractions);

        Assert.That(scores, Is.EqualTo(classifier.PredictPixelsBatch(Images.Pixels).SelectMany(p => p.Probabilities)).Within(1e-6));
        Assert.That(version, Has.Length.EqualTo(12));
    }

    [TestCase("", "^The body is no JSON, or not whole: ")]
    [TestCase("[]", "an object")]
    [TestCase("{", "^The body is no JSON, or not whole: ")]
    [TestCase("{}", "no input")]
    [TestCase("""{"inputs":[]}""", "no input")]
    [TestCase("""{"inputs":7}""", "an array")]
    [TestCase("""{"id":7}""", "'id'")]
    [TestCase("""{"inputs":[{"name":"other","datatype":"FP32","shape":[1,32,32,3],"data":[1]}]}""", "no input 'other'")]
    [TestCase("""{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,28,28,1],"data":[1]}]}""", "\\[N, 32, 32, 3\\]")]
    [TestCase("""{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[0,32,32,3],"data":[]}]}""", "from 1 to 256")]
    [TestCase("""{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,32,32,3],"data":[1,2]}]}""", "3,072 numbers in 'data', or 'binary_data_size' and a tensor behind the JSON. Received: 2 numbers, 0 bytes")]
    [TestCase("""{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,32,32,3],"data":["x"]}]}""", "numbers")]
    [TestCase("""{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,32,32,3],"parameters":{"binary_data_size":3072}}]}""", "3,072 bytes")]
    [TestCase("""{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,32,32,3],"parameters":{"binary_data_size":"x"}}]}""", "whole number")]
    [TestCase("""{"outputs":[{"name":"logits"}],"inputs":[]}""", "Outputs are")]
    [TestCase("""{"outputs":[{"name":"labels"},{"name":"labels"}],"inputs":[]}""", "each at most once")]
    [TestCase("""{"id":"\ud800","inputs":[]}""", "no Unicode")]
    [TestCase("""{"\ud800":1,"inputs":[]}""", "no input|no Unicode")]
    [TestCase("""{"inputs":[{"name":"\udc00"}]}""", "no Unicode")]
    [TestCase("""{"inputs":[],"outputs":["labels"]}""", "'outputs' must hold objects")]
    [TestCase("""{"inputs":[5]}""", "'inputs' must hold objects")]
    public async Task Infer_BadRequest_Is400WithOneLine(string body, string reason)
    {
        using var response = await service.Client.PostAsync("/v2/models/cifar3/infer", new StringContent(body, Encoding.UTF8, "application/json"));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error").GetString(), Does.Match(reason).And.Not.Contain("\n"));
    }

    [Test]
    public void Read_AsManyImagesAsTheLimit_AreTaken()
    {
        byte[] body = Encoding.UTF8.GetBytes($"{{\"inputs\":[{Zeros}]}}");

        using var request = AspNetCore.InferenceRequest.Read(body, body.Length, maxBatch: 1);

        Assert.That(request.Count, Is.EqualTo(1));
    }

    /// <summary>As a form of too many files, whether the shape is read first or the numbers.</summary>
    [Test]
    public async Task Infer_MoreImagesThanTheLimit_Are413([Values] bool shapeFirst)
    {
        string shape = "\"shape\":[257,32,32,3]", data = "\"data\":[" + string.Join(",", Enumerable.Repeat("0", shapeFirst ? 1 : 257 * CnnArchitecture.ImageBytes)) + "]";
        string body = "{\"inputs\":[{\"name\":\"pixels\",\"datatype\":\"UINT8\"," + (shapeFirst ? $"{shape},{data}" : $"{data},{shape}") + "}]}";

        using var response = await service.Client.PostAsync("/v2/models/cifar3/infer", new StringContent(body, Encoding.UTF8, "application/json"));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
        Assert.That((await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error").GetString(), Is.EqualTo("The request has more than 256 images. Send it in parts."));
    }

    [Test]
    public async Task Infer_BytesThatAreNoUtf8_Are400([Values("name", "id")] string property)
    {
        byte[] text = [.. Encoding.UTF8.GetBytes(property == "id" ? "{\"id\":\"" : "{\"inputs\":[{\"name\":\""), 0xff, .. Encoding.UTF8.GetBytes(property == "id" ? "\"}" : "\"}]}")];

        using var response = await service.Client.PostAsync("/v2/models/cifar3/infer", ServiceApp.Raw(text, "application/json"));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("no Unicode"));
    }

    [TestCase("{\"id\":null,\"inputs\":[INPUT]}", HttpStatusCode.OK)]
    [TestCase("{\"inputs\":[INPUT,5]}", HttpStatusCode.BadRequest)]
    [TestCase("{\"inputs\":[INPUT,INPUT]}", HttpStatusCode.BadRequest)]
    [TestCase("{\"inputs\":[INPUT],\"inputs\":[INPUT]}", HttpStatusCode.BadRequest)]
    [TestCase("{\"inputs\":[INPUT],\"outputs\":[{\"name\":\"labels\"},\"labels\"]}", HttpStatusCode.BadRequest)]
    [TestCase("{\"inputs\":[INPUT]}{}", HttpStatusCode.BadRequest)]
    [TestCase("{\"inputs\":[INPUT]} x", HttpStatusCode.BadRequest)]
    [TestCase("{\"inputs\":[INPUT]} \n", HttpStatusCode.OK)]
    public async Task Infer_WhatStandsAroundASoundInput_IsReadToTheEnd(string body, HttpStatusCode expected)
    {
        using var response = await service.Client.PostAsync("/v2/models/cifar3/infer", new StringContent(body.Replace("INPUT", Zeros, StringComparison.Ordinal)));

        Assert.That(response.StatusCode, Is.EqualTo(expected), await response.Content.ReadAsStringAsync());
    }

    [TestCase("", true)]
    [TestCase(",\"parameters\":{\"binary_data\":false}", false)]
    public async Task Infer_BinaryForAllOutputs_HoldsForThoseThatDoNotSay(string own, bool binary)
    {
        string body = "{\"inputs\":[" + Zeros + "],\"outputs\":[{\"name\":\"probabilities\"" + own + "}],\"parameters\":{\"binary_data_output\":true}}";

        using var response = await service.Client.PostAsync("/v2/models/cifar3/infer", new StringContent(body));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(response.Headers.Contains("Inference-Header-Content-Length"), Is.EqualTo(binary));
    }

    [TestCase("256")]
    [TestCase("256.5")]
    [TestCase("-1")]
    [TestCase("0.5")]
    public async Task Infer_NoByte_IsRefusedNotRounded(string value)
    {
        string body = $$$"""{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,32,32,3],"data":[{{{string.Join(",", Enumerable.Repeat(value, CnnArchitecture.ImageBytes))}}}]}]}""";

        using var response = await service.Client.PostAsync("/v2/models/cifar3/infer", new StringContent(body));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("whole number from 0 to 255"));
    }

    [TestCase("0.5016", Description = "127.91 / 255")]
    [TestCase("1.0039216", Description = "256 / 255")]
    [TestCase("-0.0039216", Description = "-1 / 255")]
    public async Task Infer_NoFractionOf255_IsRefusedNotRounded(string value)
    {
        string body = $$$"""{"inputs":[{"name":"input","datatype":"FP32","shape":[1,32,32,3],"data":[{{{string.Join(",", Enumerable.Repeat(value, CnnArchitecture.ImageBytes))}}}]}]}""";

        using var response = await service.Client.PostAsync("/v2/models/cifar3/infer", new StringContent(body));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("one of 256 fractions from 0 to 1"));
    }

    [Test]
    public async Task Infer_MoreNumbersThanTheShape_Is400()
    {
        using var response = await service.Client.PostAsync("/v2/models/cifar3/infer", new StringContent($"{{\"inputs\":[{Zeros.Replace("\"data\":[", "\"data\":[0,", StringComparison.Ordinal)}]}}"));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("Received: 3,073 numbers"));
    }

    /// <summary>A client that fills in 'data' and sends a tensor too would get the score of one of two pictures.</summary>
    [Test]
    public async Task Infer_DataAndBytesBehindTheJson_Is400()
    {
        byte[] json = Encoding.UTF8.GetBytes($"{{\"inputs\":[{Zeros}]}}");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/cifar3/infer") { Content = ServiceApp.Raw([.. json, .. new byte[CnnArchitecture.ImageBytes]]) };
        request.Headers.Add("Inference-Header-Content-Length", json.Length.ToString(CultureInfo.InvariantCulture));

        using var response = await service.Client.SendAsync(request);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("Received: 3,072 numbers, 3,072 bytes behind the JSON"));
    }

    [Test]
    public async Task Infer_BadJsonLengthHeader_Is400([Values("-1", "x", "999999")] string length)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/cifar3/infer") { Content = new StringContent("{}") };
        request.Headers.TryAddWithoutValidation("Inference-Header-Content-Length", length);

        using var response = await service.Client.SendAsync(request);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    /// <summary>Every answer is of the model whose version it tells, whole, and none fails.</summary>
    [TestCase(6)]
    [TestCase(50, Category = TestCategories.Slow)] // each replacement waits for the watcher
    public async Task Infer_ModelReplacedUnderLoad_NoAnswerFailsOrMixes(int replacements)
    {
        string file = ServiceApp.SaveModel(Path.Combine(TestFiles.NewFolder(), "model.onnx"), seed: 1);
        await using var app = await ServiceApp.StartAsync(options => options.ModelPath = file);
        var expected = new Dictionary<string, float[]>();
        byte[] pixels = Images.Take(4).Pixels.ToArray();
        using var stop = new CancellationTokenSource();
        Remember();
        var seen = new System.Collections.Concurrent.ConcurrentBag<(string Version, float[] Scores)>();
        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                seen.Add(await InferBinaryAsync(app.Client, pixels, fractions: false));
            }
        })).ToList();

        for (int i = 2; i < replacements + 2; i++)
        {
            ServiceApp.SaveModel(file, seed: i);
            string version = Remember();
            var clock = System.Diagnostics.Stopwatch.StartNew();
            while (Current() != version)
            {
                Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(60)), "the change was not seen");
                await Task.Delay(20);
            }
        }

        stop.Cancel();
        await Task.WhenAll(clients); // throws what failed
        Assert.That(seen.Select(s => s.Version).Distinct().Count(), Is.GreaterThan(replacements / 2));
        foreach (var (version, scores) in seen)
        {
            Assert.That(scores, Is.EqualTo(expected[version]).Within(1e-5), $"version {version}");
        }

        string Current()
        {
            using var rented = app.Pool.Rent();
            return rented.Version;
        }

        string Remember()
        {
            using var classifier = Cifar3Classifier.Load(file);
            string version = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)))[..12];
            expected[version] = [.. classifier.PredictPixelsBatch(pixels).SelectMany(p => p.Probabilities)];
            return version;
        }
    }

    [Test]
    public async Task Reload_DamagedFile_KeepsTheOldModel()
    {
        string file = ServiceApp.SaveModel(Path.Combine(TestFiles.NewFolder(), "model.onnx"), seed: 1);
        await using var app = await ServiceApp.StartAsync(options => options.ModelPath = file);
        string before;
        using (var rented = app.Pool.Rent())
        {
            before = rented.Version;
        }

        File.WriteAllText(file, "no model");
        await Task.Delay(2000); // it is looked at once a second

        var (version, _) = await InferBinaryAsync(app.Client, Images.Take(1).Pixels.ToArray(), fractions: false);
        Assert.That(version, Is.EqualTo(before));
    }

    [TestCase("folder behind a link")]
    [TestCase("content behind a link")]
    [TestCase("hidden name")]
    [TestCase("whole folder")]
    public async Task Reload_FileThatChangesElsewhere_IsSeen(string way)
    {
        string root = TestFiles.NewFolder(), folder = Directory.CreateDirectory(Path.Combine(root, "a")).FullName, next = Directory.CreateDirectory(Path.Combine(root, "b")).FullName;
        string name = way == "hidden name" ? ".model.onnx" : "model.onnx", first = ServiceApp.SaveModel(Path.Combine(folder, name), seed: 1), file = first;
        if (way.EndsWith("link", StringComparison.Ordinal))
        {
            string seen = Directory.CreateDirectory(Path.Combine(root, "seen")).FullName;
            TestFiles.Link(Path.Combine(seen, "..data"), folder);
            file = Path.Combine(seen, name);
            TestFiles.Link(file, Path.Combine("..data", name));
        }

        await using var app = await ServiceApp.StartAsync(options => options.ModelPath = file);
        string before = Version(app);
        switch (way)
        {
            case "folder behind a link":
                ServiceApp.SaveModel(Path.Combine(next, name), seed: 2);
                string data = Path.Combine(root, "seen", "..data");
                Directory.Delete(data);
                TestFiles.Link(data, next);
                break;
            case "whole folder":
                ServiceApp.SaveModel(Path.Combine(next, name), seed: 2);
                Directory.Move(folder, folder + ".old");
                Directory.Move(next, folder);
                break;
            default:
                ServiceApp.SaveModel(first, seed: 2);
                break;
        }

        Assert.That(() => Version(app), Is.Not.EqualTo(before).After(20_000, 100));
    }

    [Test]
    public async Task Reload_ClassNamesBesideAForeignModel_AreTakenAnew()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "model.onnx"), names = Path.ChangeExtension(file, ".classes.txt");
        File.WriteAllBytes(file, ForeignOnnxTests.Foreign(TestModels.Random(filters: [4, 4, 8]), proto => ForeignOnnxTests.Rewrite(proto, "names")));
        File.WriteAllText(names, "a\nb\nc\n");
        await using var app = await ServiceApp.StartAsync(options => options.ModelPath = file);
        string before = Version(app);

        File.WriteAllText(names, "d\ne\nf\n");

        Assert.That(() => Version(app), Is.Not.EqualTo(before).After(20_000, 100));
        using var rented = app.Pool.Rent();
        Assert.That(rented.Classifier.ClassNames, Is.EqualTo(new[] { "d", "e", "f" }));
    }

    private static string Version(ServiceApp app)
    {
        using var rented = app.Pool.Rent();
        return rented.Version;
    }

    [Test]
    public async Task Start_NoSuchModel_EndsWithTheReason()
    {
        Assert.That(
            async () => { await using var app = await ServiceApp.StartAsync(options => options.ModelPath = Path.Combine(TestFiles.NewFolder(), "nowhere.onnx")); },
            Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("nowhere.onnx"));
        await Task.CompletedTask;
    }

    internal static async Task<(string Version, float[] Scores)> InferBinaryAsync(HttpClient client, byte[] pixels, bool fractions)
    {
        int count = pixels.Length / CnnArchitecture.ImageBytes;
        byte[] tensor = pixels;
        if (fractions)
        {
            tensor = new byte[4 * pixels.Length];
            for (int i = 0; i < pixels.Length; i++)
            {
                BinaryPrimitives.WriteSingleLittleEndian(tensor.AsSpan(4 * i), pixels[i] / 255f);
            }
        }

        byte[] json = Encoding.UTF8.GetBytes($$$"""{"inputs":[{"name":"{{{(fractions ? "input" : "pixels")}}}","shape":[{{{count}}},32,32,3],"datatype":"{{{(fractions ? "FP32" : "UINT8")}}}","parameters":{"binary_data_size":{{{tensor.Length}}}}}],"parameters":{"binary_data_output":true}}""");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/cifar3/infer") { Content = ServiceApp.Raw([.. json, .. tensor]) };
        request.Headers.Add("Inference-Header-Content-Length", json.Length.ToString(CultureInfo.InvariantCulture));
        using var response = await client.SendAsync(request);
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), Encoding.UTF8.GetString(body));
        int length = int.Parse(response.Headers.GetValues("Inference-Header-Content-Length").Single(), CultureInfo.InvariantCulture);
        using var answer = JsonDocument.Parse(body.AsMemory(0, length));
        var scores = new float[(body.Length - length) / 4];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = BinaryPrimitives.ReadSingleLittleEndian(body.AsSpan(length + 4 * i));
        }

        return (answer.RootElement.GetProperty("model_version").GetString()!, scores);
    }
}
