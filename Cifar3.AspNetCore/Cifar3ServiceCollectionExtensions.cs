using System.Diagnostics.CodeAnalysis;
using Cifar3;
using Cifar3.AspNetCore;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds classifiers to an application's services.</summary>
public static class Cifar3ServiceCollectionExtensions
{
    /// <summary>The model's name where none is given: <c>cifar3</c>.</summary>
    public const string DefaultName = "cifar3";

    /// <summary>Adds a classifier, its health check, metrics and traces. Call it once a model; <see cref="Cifar3ClassifierPool"/> then gives them out.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options. Default: none, the model that travels in the library.</param>
    /// <param name="name">The model's name, as it stands in addresses: letters, digits, <c>_</c>, <c>-</c>, <c>.</c> Default: <see cref="DefaultName"/>.</param>
    /// <returns>The services.</returns>
    /// <exception cref="ArgumentException">The name is none, or is taken.</exception>
    /// <example><code>
    /// builder.Services.AddCifar3Classifier(options => options.ModelPath = "model.onnx");
    /// app.MapCifar3();
    /// </code></example>
    public static IServiceCollection AddCifar3Classifier(this IServiceCollection services, Action<Cifar3ModelOptions>? configure = null, string name = DefaultName)
    {
        Add(services, name);
        if (configure is not null)
        {
            services.Configure(name, configure);
        }

        return services;
    }

    /// <summary>Adds a classifier whose options stand in the configuration, such as <c>"Cifar3": { "ModelPath": "model.onnx" }</c>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configuration">The section with the options, named as the properties of <see cref="Cifar3ModelOptions"/>; a key that is none ends the start. One that is not there is a warning, for the model is then the library's.</param>
    /// <param name="name">The model's name. Default: <see cref="DefaultName"/>.</param>
    /// <returns>The services.</returns>
    /// <exception cref="ArgumentException">The name is none, or is taken.</exception>
    [DynamicDependency(DynamicallyAccessedMemberTypes.All, typeof(Cifar3ModelOptions))] // the binder finds their properties by name
    [DynamicDependency(DynamicallyAccessedMemberTypes.All, typeof(ClassifierOptions))]
    public static IServiceCollection AddCifar3Classifier(this IServiceCollection services, IConfiguration configuration, string name = DefaultName)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Add(services, name);
        services.Configure<Cifar3ModelOptions>(name, configuration, binder => binder.ErrorOnUnknownConfiguration = true);
        services.Configure<Cifar3ModelOptions>(name, options => options.MissingSection = configuration is IConfigurationSection section && !section.Exists() ? section.Path : null);
        return services;
    }

    private static void Add(IServiceCollection services, string name)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length is 0 or > 100 || name[0] == '.' || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'))
        {
            throw new ArgumentException($"A model's name is 1 to 100 letters, digits, '_', '-' and '.', not beginning with '.'. Received: '{(name.Length <= 100 ? name : name[..100] + "…")}'.", nameof(name));
        }

        if (services.Any(service => service.ImplementationInstance is RegisteredModel model && model.Name == name))
        {
            throw new ArgumentException($"There is already a model '{name}'. Give each AddCifar3Classifier a name of its own.", nameof(name));
        }

        services.AddSingleton(new RegisteredModel(name));
        services.AddSingleton<IValidateOptions<Cifar3ModelOptions>>(new InRange(name));
        services.AddMetrics();
        services.TryAddSingleton<Cifar3Metrics>();
        services.TryAddSingleton<TimesMapped>();
        services.TryAddSingleton<Cifar3ClassifierPool>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, LoadAtStart>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IConfigureOptions<Diagnostics.HealthChecks.HealthCheckServiceOptions>, AddHealthCheck>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IConfigureOptions<JsonOptions>, AddProblemDetailsType>());
        services.AddHealthChecks();
    }

    /// <summary>Says in the options' own words what is wrong with them.</summary>
    private sealed class InRange(string model) : IValidateOptions<Cifar3ModelOptions>
    {
        public ValidateOptionsResult Validate(string? name, Cifar3ModelOptions options) =>
            name != model ? ValidateOptionsResult.Skip : options.Problem() is { } problem ? ValidateOptionsResult.Fail(problem) : ValidateOptionsResult.Success;
    }

    /// <summary>Loads the models before the application takes requests: one that cannot be loaded ends the start with its reason.</summary>
    private sealed class LoadAtStart(Cifar3ClassifierPool pool) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            pool.Load();
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>A program whose JSON has no reflection (<c>dotnet run app.cs</c>) can write refusals too; after all that the application adds itself.</summary>
    private sealed class AddProblemDetailsType : IConfigureOptions<JsonOptions>
    {
        public void Configure(JsonOptions options) => options.SerializerOptions.TypeInfoResolverChain.Add(PictureJson.Default);
    }

    private sealed class AddHealthCheck : IConfigureOptions<Diagnostics.HealthChecks.HealthCheckServiceOptions>
    {
        public void Configure(Diagnostics.HealthChecks.HealthCheckServiceOptions options) =>
            options.Registrations.Add(new Diagnostics.HealthChecks.HealthCheckRegistration("cifar3", services => new Cifar3HealthCheck(services.GetRequiredService<Cifar3ClassifierPool>()), failureStatus: null, tags: ["cifar3", "ready"]));
    }
}
