using Cifar3.AspNetCore;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Cifar3.Tests;

/// <summary>The service as an application of its own on a free port of this machine, and a client of it.</summary>
internal sealed class ServiceApp : IAsyncDisposable
{
    private readonly Arrivals arrivals;

    private ServiceApp(WebApplication app, Arrivals arrivals)
    {
        (App, this.arrivals) = (app, arrivals);
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        Client = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromMinutes(2) };
    }

    public WebApplication App { get; }

    public Uri Address { get; }

    public HttpClient Client { get; }

    public Cifar3ClassifierPool Pool => App.Services.GetRequiredService<Cifar3ClassifierPool>();

    /// <summary>Number of requests that the service began to answer.</summary>
    public int Arrived => arrivals.Count;

    public static async Task<ServiceApp> StartAsync(Action<Cifar3ModelOptions>? configure = null, Action<IServiceCollection>? services = null, Action<WebApplication>? before = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddOpenApi();
        builder.Services.AddCifar3Classifier(configure);
        services?.Invoke(builder.Services);
        var app = builder.Build();
        var arrivals = new Arrivals();
        app.Use((context, next) =>
        {
            arrivals.Add();
            return next(context);
        });
        before?.Invoke(app);
        app.MapOpenApi();
        app.MapHealthChecks("/health");
        app.MapCifar3();
        await app.StartAsync();
        return new ServiceApp(app, arrivals);
    }

    /// <summary>A small model with random weights as a file, and its classifier.</summary>
    public static string SaveModel(string path, int seed)
    {
        string next = path + ".next";
        TestModels.Random(filters: [4, 4, 8], seed: seed).SaveOnnx(next);
        File.Move(next, path, overwrite: true);
        return path;
    }

    public static ByteArrayContent Raw(byte[] content, string? type = "application/octet-stream")
    {
        var body = new ByteArrayContent(content);
        body.Headers.ContentType = type is null ? null : new System.Net.Http.Headers.MediaTypeHeaderValue(type);
        return body;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.DisposeAsync();
    }

    /// <summary>A count that requests raise at once.</summary>
    private sealed class Arrivals
    {
        private int count;

        public int Count => Volatile.Read(ref count);

        public void Add() => Interlocked.Increment(ref count);
    }
}
