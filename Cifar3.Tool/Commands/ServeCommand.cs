using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Cifar3.Tool;

/// <summary><c>cifar3 serve MODEL</c>: a page, uploads and the Open Inference Protocol, until Ctrl-C.</summary>
internal static class ServeCommand
{
    /// <summary>How long requests in progress may take when it is to end: containers' managers kill what has not ended after 10 seconds (Docker) or more, and .NET waits for 30.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(8);

    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = $"The model's .onnx file, or '{ModelFiles.Shipped}', the one inside, which knows aeroplanes, cars and birds. It is loaded anew when it changes." };
        var urls = new Option<string>("--urls") { Description = "Where to listen, over HTTP; http://0.0.0.0:5000 for other machines too. Several are separated by ;", DefaultValueFactory = _ => "http://127.0.0.1:5000" };
        var name = new Option<string>("--name") { Description = "The model's name in addresses.", DefaultValueFactory = _ => Cifar3ServiceCollectionExtensions.DefaultName };
        return Shared.Command(
            "serve",
            "Serves a model over HTTP: a page at /, POST /predict, the Open Inference Protocol v2 below /v2, /openapi/v1.json, /health. Ctrl-C answers what is in progress, then ends.",
            "cifar3 serve run/model.onnx --urls http://127.0.0.1:8080",
            (arguments, cancel) =>
            {
                string path = arguments.GetValue(model)!, addresses = arguments.GetValue(urls)!;
                ListenAddresses.Check(addresses);
                using var app = Build(path, addresses, arguments.GetValue(name)!);
                app.Lifetime.ApplicationStarted.Register(() =>
                    Shared.Print($"Serving {path} on {string.Join(", ", app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses)}; Ctrl-C ends."));
                try
                {
                    app.StartAsync(cancel).GetAwaiter().GetResult();
                }
                catch (Exception e) when (ListenAddresses.Problem(e, addresses) is { } problem)
                {
                    throw new Cifar3Exception($"Cannot listen on {Shown.Text(addresses)}: {problem}.", e);
                }

                HostingAbstractionsHostExtensions.WaitForShutdownAsync(app, cancel).GetAwaiter().GetResult();
                return 0;
            },
            model, urls, name);
    }

    /// <summary>The application, of nothing but the options: neither files of the folder that it is started in, such as an appsettings.json, nor variables change it.</summary>
    private static WebApplication Build(string model, string addresses, string name)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls(addresses);
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None); // why the start failed is said in one line, without the places in the code
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", level => level is LogLevel.Warning or LogLevel.Error); // what is critical is that same failure
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Farewell);
        builder.Services.AddRouting();
        builder.Services.AddOpenApi();
        builder.Services.AddCifar3Classifier(options => options.ModelPath = model == ModelFiles.Shipped ? null : model, name);
        var app = builder.Build();
        app.MapOpenApi();
        app.MapHealthChecks("/health");
        app.MapCifar3();
        return app;
    }
}
