using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Cifar3.AspNetCore;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Cifar3.Tests;

/// <summary>The service among what ASP.NET Core puts before it, and over HTTP/2.</summary>
public sealed class MiddlewareTests
{
    [TestCase("/predict", "image/png")]
    [TestCase("/v2/models/cifar3/infer", "application/json")]
    public async Task Request_OverTheTimeLimitOfTheApplication_Is504(string path, string type)
    {
        var limit = new RequestTimeoutPolicy { Timeout = TimeSpan.FromMilliseconds(200) };
        await using var service = await ServiceApp.StartAsync(services: services => services.AddRequestTimeouts(options => options.DefaultPolicy = limit), before: app => app.UseRequestTimeouts());
        using var client = new TcpClient();
        await client.ConnectAsync(service.Address.Host, service.Address.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {type}\r\nContent-Length: 10\r\n\r\n")); // and no body

        using var reader = new StreamReader(stream);
        string? status = await reader.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.That(status, Does.StartWith("HTTP/1.1 504"), "and not 200 without an answer");
    }

    /// <summary>A host may listen before its other services have started (ConfigureWebHostDefaults before ConfigureServices, ServicesStartConcurrently): each of these was a 500.</summary>
    [Test]
    public async Task Request_BeforeTheModelsAreLoaded_Is503WithRetryAfter()
    {
        var early = new BeforeTheModels();
        using var host = new HostBuilder()
            .ConfigureWebHost(web => web.UseKestrel().UseUrls("http://127.0.0.1:0").ConfigureServices(services => services.AddRouting()).Configure(app => app.UseRouting().UseEndpoints(endpoints => endpoints.MapCifar3())))
            .ConfigureServices(services => services.AddSingleton<IHostedService>(early).AddCifar3Classifier(options => options.RetryAfter = TimeSpan.FromSeconds(3)))
            .Build();
        early.Host = host;
        await host.StartAsync();

        Assert.That(early.Answers, Has.Count.EqualTo(6));
        Assert.Multiple(() =>
        {
            foreach (var (path, status, retryAfter, body) in early.Answers)
            {
                Assert.That((int)status, Is.EqualTo(503), path);
                Assert.That(body, Does.Contain("The model 'cifar3' is not loaded"), path);
                Assert.That(retryAfter, Is.EqualTo(TimeSpan.FromSeconds(3)), path);
            }
        });
        await host.StopAsync();
    }

    /// <summary>A client that is still there, and not one that has left.</summary>
    [Test]
    public async Task Predict_BodyInDamagedChunks_Is400AndEndsTheConnection()
    {
        await using var service = await ServiceApp.StartAsync();
        using var client = new TcpClient();
        await client.ConnectAsync(service.Address.Host, service.Address.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes("POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n"));

        using var reader = new StreamReader(stream);
        string answer = await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.That(answer, Does.StartWith("HTTP/1.1 400").And.Contain("\r\nConnection: close\r\n"));
    }

    /// <summary>Memory ends where the body is read into it: of the server's faults the one that another request may not meet. It was a 500 without a body, and a stack trace in the log.</summary>
    [TestCase("/predict", "image/png")]
    [TestCase("/predict", "multipart/form-data; boundary=b")]
    [TestCase("/v2/models/cifar3/infer", "application/json")]
    public async Task Request_WithoutMemory_Is503WithRetryAfter(string path, string type)
    {
        using var log = new Warnings();
        await using var service = await ServiceApp.StartAsync(services: services => services.AddSingleton<ILoggerProvider>(log), before: app => app.Use((context, next) =>
        {
            context.Request.Body = new MemorylessStream();
            return next(context);
        }));
        using var body = ServiceApp.Raw([1, 2, 3], type: null);
        Assert.That(body.Headers.TryAddWithoutValidation("Content-Type", type));

        using var response = await service.Client.PostAsync(path, body);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(response.Headers.RetryAfter!.Delta, Is.EqualTo(TimeSpan.FromSeconds(1)));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("There is no memory for this request."));
        Assert.That(log.Texts, Has.Count.EqualTo(1).And.All.Contain("refused a request with 503"));
    }

    /// <summary>The client's picture is sound, and too large for this machine.</summary>
    [Test]
    public void Refusal_PictureThatThereIsNoMemoryFor_Is413() =>
        Assert.That(RequestGate.Refusal(new Cifar3ImageException("there is no memory", new InsufficientMemoryException())), Is.EqualTo((413, "too_large")));

    /// <summary>Kestrel's own limit is 30,000,000 bytes, below that of the options.</summary>
    [Test]
    public async Task Predict_RequestOfMoreBytesThanTheServersOwnLimit_IsAnswered()
    {
        await using var service = await ServiceApp.StartAsync();
        using var form = new MultipartFormDataContent { { new StringContent(new string('x', 30 << 20)), "note" }, { ServiceApp.Raw(ImageCorpus.Files["jpeg"]), "files", "a.jpg" } };

        using var response = await service.Client.PostAsync("/predict", form);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    /// <summary>JSON has no NaN: what writes it threw, and the client got a 500 without a word.</summary>
    [Test]
    public async Task Request_PictureThatTheModelComputesNoNumbersFor_IsToldSo()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "model.onnx"), reds = string.Join(',', Enumerable.Repeat("255,0,0", 32 * 32));
        TestModels.WithoutNumbersForRed().SaveOnnx(file);
        using var log = new Warnings();
        await using var service = await ServiceApp.StartAsync(options => options.ModelPath = file, services => services.AddSingleton<ILoggerProvider>(log));
        byte[] red = TestModels.Picture(255, 0, 0), grey = TestModels.Picture(128, 128, 128);
        using var form = new MultipartFormDataContent { { ServiceApp.Raw(grey), "files", "grey.png" }, { ServiceApp.Raw(red), "files", "red.png" } };

        using var one = await service.Client.PostAsync("/predict", ServiceApp.Raw(red));
        using var several = await service.Client.PostAsync("/predict", form);
        using var tensor = await service.Client.PostAsync("/v2/models/cifar3/infer", new StringContent($$"""{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,32,32,3],"data":[{{reds}}]}]}"""));

        string[] answers = [await one.Content.ReadAsStringAsync(), await several.Content.ReadAsStringAsync(), await tensor.Content.ReadAsStringAsync()];
        Assert.That(new[] { one.StatusCode, several.StatusCode, tensor.StatusCode }, Is.EqualTo(new[] { HttpStatusCode.InternalServerError, HttpStatusCode.OK, HttpStatusCode.InternalServerError }));
        Assert.That(answers, Is.All.Contains("the model computes no finite numbers for it"));
        Assert.That(answers[1], Does.Contain("grey.png\",\"label\":"));
        Assert.That(log.Texts, Has.Count.EqualTo(2).And.All.Contain("refused a request with 500"));
    }

    /// <summary>The log is mostly read in a terminal, which would obey it: clear the screen, hide what was logged before.</summary>
    [TestCase("/v2/models/cifar3/infer", """{"inputs":[{"name":"\u001b[2J\u202e"}]}""")]
    [TestCase("/v2/models/cifar3/versions/%1B%5B2J%E2%80%AE/infer", "<black image>")]
    public async Task Refusal_TextOfTheClientThatATerminalObeys_IsEscapedInTheLog(string path, string json)
    {
        using var log = new Warnings();
        await using var service = await ServiceApp.StartAsync(services: services => services.AddSingleton<ILoggerProvider>(log));
        string black = string.Join(',', Enumerable.Repeat("0", CnnArchitecture.ImageBytes));
        using var body = new StringContent(json.Replace("<black image>", $$"""{"inputs":[{"name":"pixels","datatype":"UINT8","shape":[1,32,32,3],"data":[{{black}}]}]}""", StringComparison.Ordinal));

        using var response = await service.Client.PostAsync(path, body);

        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain(@"\\u001B[2J\\u202E"));
        Assert.That(log.Texts, Has.Count.EqualTo(1).And.All.Contains(@"'\u001B[2J\u202E'"));
    }

    [Test]
    public void OneLine_LongMessage_IsCut() =>
        Assert.That((RequestGate.OneLine("a\nb"), RequestGate.OneLine(new string('a', 600)), RequestGate.OneLine(new string('a', 601))), Is.EqualTo(("a b", new string('a', 600), new string('a', 600) + "…")));

    [Test]
    public async Task Predict_RequestOverTheLimitByHttp2_IsRefusedWithoutAHeaderThatHttp2DoesNotKnow()
    {
        using var log = new Warnings();
        await using var service = await ServiceApp.StartAsync(options => options.MaxImageBytes = options.MaxRequestBytes = 1 << 20, services =>
        {
            services.AddSingleton<ILoggerProvider>(log);
            services.Configure<KestrelServerOptions>(options => options.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http2));
        });
        using var request = new HttpRequestMessage(HttpMethod.Post, "/predict") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(new byte[(1 << 20) + 1]) };

        using var response = await service.Client.SendAsync(request);

        Assert.That((int)response.StatusCode, Is.EqualTo(413));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("Expected at most 1,048,576"));
        Assert.That(log.Texts, Has.Some.Contains("Model 'cifar3' refused").And.None.Contains("headers have been removed"));
    }

    [Test]
    public async Task OpenApi_ApplicationWithJsonOfItsOwn_DescribesTheAnswersAsTheyAre([Values] bool reflection)
    {
        await using var service = await ServiceApp.StartAsync(services: services =>
        {
            services.ConfigureHttpJsonOptions(options => options.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseUpper);
            if (!reflection)
            {
                services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Remove(options.SerializerOptions.TypeInfoResolverChain.OfType<DefaultJsonTypeInfoResolver>().Single()));
            }
        });
        using var response = await service.Client.PostAsync("/predict", ServiceApp.Raw(ImageCorpus.Files["png rgb"]));
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>();

        var api = await service.Client.GetFromJsonAsync<JsonElement>("/openapi/v1.json");

        var schema = api.GetProperty("components").GetProperty("schemas").GetProperty("PredictionAnswer");
        var described = schema.GetProperty("properties");
        Assert.That(answer.EnumerateObject().Select(p => p.Name), Is.SubsetOf(described.EnumerateObject().Select(p => p.Name)));
        Assert.That(schema.GetProperty("required").EnumerateArray().Select(p => p.GetString()), Is.SubsetOf(answer.EnumerateObject().Select(p => p.Name)));
        var operation = api.GetProperty("paths").GetProperty("/predict/{model}").GetProperty("post");
        Assert.That(operation.GetProperty("description").GetString(), Does.Contain("array"));
        Assert.That(operation.GetProperty("responses").TryGetProperty("404", out _), Is.True);
    }

    [Test]
    public async Task OpenApi_InferenceProtocol_DescribesTheBodiesAsTheyAre([Values] bool reflection)
    {
        await using var service = await ServiceApp.StartAsync(services: services =>
        {
            if (!reflection)
            {
                services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Remove(options.SerializerOptions.TypeInfoResolverChain.OfType<DefaultJsonTypeInfoResolver>().Single()));
            }
        });
        using var scored = await service.Client.PostAsJsonAsync("/v2/models/cifar3/infer", new
        {
            id = "7",
            inputs = new object[] { new { name = "pixels", datatype = "UINT8", shape = new[] { 1, 32, 32, 3 }, data = new int[CnnArchitecture.ImageBytes] } },
        });

        var answered = await scored.Content.ReadFromJsonAsync<JsonElement>();

        var api = await service.Client.GetFromJsonAsync<JsonElement>("/openapi/v1.json");

        foreach (string version in new[] { "", "/versions/{version}" })
        {
            AssertDescribed($"/v2/models/{{model}}{version}/infer", "post", "200", answered);
            AssertDescribed($"/v2/models/{{model}}{version}", "get", "200", await service.Client.GetFromJsonAsync<JsonElement>("/v2/models/cifar3"));
            foreach (var (path, method) in new[] { ($"/v2/models/{{model}}{version}", "get"), ($"/v2/models/{{model}}{version}/ready", "get"), ($"/v2/models/{{model}}{version}/infer", "post") })
            {
                using var refused = await service.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path.Replace("{model}", "none", StringComparison.Ordinal)));
                AssertDescribed(path, method, "404", await refused.Content.ReadFromJsonAsync<JsonElement>());
            }
        }

        AssertDescribed("/v2", "get", "200", await service.Client.GetFromJsonAsync<JsonElement>("/v2"));
        Assert.That(Operation("/v2/health/ready", "get").GetProperty("responses").TryGetProperty("503", out _), Is.True);
        Assert.That(Properties(Operation("/v2/models/{model}/infer", "post").GetProperty("requestBody")), Is.EquivalentTo(new[] { "inputs", "id", "outputs" }));

        JsonElement Operation(string path, string method) => api.GetProperty("paths").GetProperty(path).GetProperty(method);

        IEnumerable<string> Properties(JsonElement body)
        {
            string schema = body.GetProperty("content").GetProperty("application/json").GetProperty("schema").GetProperty("$ref").GetString()!.Split('/')[^1];
            return api.GetProperty("components").GetProperty("schemas").GetProperty(schema).GetProperty("properties").EnumerateObject().Select(p => p.Name);
        }

        void AssertDescribed(string path, string method, string status, JsonElement answer) =>
            Assert.That(Properties(Operation(path, method).GetProperty("responses").GetProperty(status)), Is.EquivalentTo(answer.EnumerateObject().Select(p => p.Name)), path);
    }

    /// <summary>Readiness is asked for so as to hear of its change, and a model's file may be replaced.</summary>
    [TestCase("/v2/health/ready")]
    [TestCase("/v2/models/cifar3")]
    [TestCase("/models")]
    public async Task Get_UnderAnOutputCacheForTheWholeApplication_IsAnsweredAnew(string path)
    {
        await using var service = await ServiceApp.StartAsync(
            services: services => services.AddOutputCache(options => options.AddBasePolicy(policy => policy.Cache())),
            before: app =>
            {
                app.UseOutputCache();
                app.MapGet("/other", () => "cached");
            });

        Assert.That((await IsCachedAsync("/other"), await IsCachedAsync(path)), Is.EqualTo((true, false)));

        async Task<bool> IsCachedAsync(string address)
        {
            using var first = await service.Client.GetAsync(address);
            using var second = await service.Client.GetAsync(address);
            return second.Headers.Age is not null;
        }
    }

    /// <summary>Its connection ends in mid-body, as where a browser's tab is closed: nobody did anything wrong that an operator should read of.</summary>
    [TestCase("/predict", "image/png", true)]
    [TestCase("/predict", "image/png", false)]
    [TestCase("/predict", "multipart/form-data; boundary=b", true)]
    [TestCase("/v2/models/cifar3/infer", "application/json", true)]
    public async Task Request_ClientLeavesInMidBody_IsToldAtLevelDebugAlone(string path, string type, bool reset)
    {
        using var log = new Warnings(LogLevel.Debug);
        await using var service = await ServiceApp.StartAsync(services: services => services.Configure<LoggerFilterOptions>(options => options.MinLevel = LogLevel.Debug).AddSingleton<ILoggerProvider>(log));
        using var seen = new Measurements(service);
        for (int i = 1; i <= 10; i++)
        {
            using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync(service.Address.Host, service.Address.Port);
            await client.SendAsync(Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {type}\r\nContent-Length: 1000\r\n\r\n--b\r\n"));
            Assert.That(() => service.Arrived, Is.EqualTo(i).After(60_000, 5));
            client.LingerState = new LingerOption(reset, 0);
        }

        Assert.That(() => log.Texts.Count(text => text.Contains("Request finished", StringComparison.Ordinal)), Is.EqualTo(10).After(60_000, 20));
        Assert.That(log.Texts, Has.None.Contains("refused a request"));
        Assert.That(log.Texts.Where(text => text.Contains("Request finished", StringComparison.Ordinal)), Is.All.Contains(" - 499 "), "what servers' logs call a client that has closed");
        Assert.That(seen.Tags("cifar3.refusals", "cifar3.kind"), Is.EqualTo(Enumerable.Repeat("aborted", 10)));
    }

    /// <summary>Over HTTP/2, which browsers speak where there is TLS, it resets its stream: most of these were a warning, and counted as damaged requests.</summary>
    [TestCase("/predict", "image/png")]
    [TestCase("/predict", "multipart/form-data; boundary=b")]
    [TestCase("/v2/models/cifar3/infer", "application/json")]
    public async Task Request_CancelledInMidBodyByHttp2_IsToldAtLevelDebugAlone(string path, string type)
    {
        using var log = new Warnings();
        await using var service = await ServiceApp.StartAsync(services: services =>
        {
            services.AddSingleton<ILoggerProvider>(log);
            services.Configure<KestrelServerOptions>(options => options.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http2));
        });
        using var seen = new Measurements(service);
        for (int i = 1; i <= 10; i++)
        {
            using var cancel = new CancellationTokenSource();
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new UnendingContent("--b\r\n"u8.ToArray()) };
            Assert.That(request.Content.Headers.TryAddWithoutValidation("Content-Type", type));
            var sending = service.Client.SendAsync(request, cancel.Token);
            Assert.That(() => service.Arrived, Is.EqualTo(i).After(60_000, 5));
            await cancel.CancelAsync();
            Assert.That(() => sending, Throws.InstanceOf<OperationCanceledException>());
        }

        Assert.That(() => seen.Tags("cifar3.refusals", "cifar3.kind"), Is.EqualTo(Enumerable.Repeat("aborted", 10)).After(20_000, 50));
        Assert.That(log.Texts, Has.None.Contains("refused a request"));
    }

    /// <summary>A body whose end never comes.</summary>
    private sealed class UnendingContent(byte[] beginning) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(beginning, cancellationToken);
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        protected override bool TryComputeLength(out long length) => (length = 0) > 0;
    }

    /// <summary>A body that there is no memory to read.</summary>
    private sealed class MemorylessStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new InsufficientMemoryException();
    }

    /// <summary>Asks the service while the host starts, after the web server and before the models.</summary>
    private sealed class BeforeTheModels : IHostedService
    {
        public IHost? Host { get; set; }

        public List<(string Path, HttpStatusCode Status, TimeSpan? RetryAfter, string Body)> Answers { get; } = [];

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            var addresses = Host!.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>().Features.Get<Microsoft.AspNetCore.Hosting.Server.Features.IServerAddressesFeature>()!;
            using var client = new HttpClient { BaseAddress = new Uri(addresses.Addresses.Single()) };
            foreach (string path in new[] { "/predict", "/v2/models/cifar3/infer" })
            {
                await AskAsync(path, client.PostAsync(path, ServiceApp.Raw(ImageCorpus.Files["jpeg"]), cancellationToken));
            }

            foreach (string path in new[] { "/models", "/v2/models/cifar3", "/v2/models/cifar3/ready", "/v2/models/cifar3/versions/1" })
            {
                await AskAsync(path, client.GetAsync(path, cancellationToken));
            }
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        private async Task AskAsync(string path, Task<HttpResponseMessage> asked)
        {
            using var answer = await asked;
            Answers.Add((path, answer.StatusCode, answer.Headers.RetryAfter?.Delta, Regex.Unescape(await answer.Content.ReadAsStringAsync())));
        }
    }
}
