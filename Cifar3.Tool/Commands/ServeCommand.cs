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
    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = $"The model's .onnx file, or '{ModelFiles.Shipped}', the one inside, which knows aeroplanes, cars and birds. It is loaded anew when it changes." };
        var urls = new Option<string>("--urls") { Description = "Where to listen; http://0.0.0.0:5000 for other machines too.", DefaultValueFactory = _ => "http://127.0.0.1:5000" };
        var name = new Option<string>("--name") { Description = "The model's name in addresses.", DefaultValueFactory = _ => Cifar3ServiceCollectionExtensions.DefaultName };
        return Shared.Command(
            "serve",
            "Serves a model over HTTP: a page at /, POST /predict, the Open Inference Protocol v2 below /v2, /openapi/v1.json, /health. Ctrl-C answers what is in progress, then ends.",
            "cifar3 serve run/model.onnx --urls http://127.0.0.1:8080",
            (arguments, cancel) =>
            {
                string path = arguments.GetValue(model)!;
                var builder = WebApplication.CreateSlimBuilder();
                builder.WebHost.UseUrls(arguments.GetValue(urls)!);
                builder.Logging.ClearProviders().AddSimpleConsole(console => console.SingleLine = true);
                builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
                builder.Services.AddOpenApi();
                builder.Services.AddCifar3Classifier(options => options.ModelPath = path == ModelFiles.Shipped ? null : path, arguments.GetValue(name)!);
                using var app = builder.Build();
                app.MapOpenApi();
                app.MapHealthChecks("/health");
                app.MapCifar3();
                app.Lifetime.ApplicationStarted.Register(() =>
                    Console.WriteLine($"Serving {path} on {string.Join(", ", app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses)}; Ctrl-C ends."));
                HostingAbstractionsHostExtensions.RunAsync(app, cancel).GetAwaiter().GetResult();
                return 0;
            },
            model, urls, name);
    }
}
