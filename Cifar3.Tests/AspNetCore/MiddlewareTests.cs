using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
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

    /// <summary>What the application warns of.</summary>
    private sealed class Warnings : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Texts { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Texts.Enqueue(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }
}
