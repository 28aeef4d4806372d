using System.Globalization;
using Cifar3.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the service's addresses.</summary>
public static class Cifar3EndpointRouteBuilderExtensions
{
    private static readonly string[] Head = [HttpMethods.Head], GetAndHead = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>
    /// Maps the page (<c>/</c>), uploads of pictures (<c>POST /predict</c>, <c>/predict/{model}</c>), <c>/models</c>, and the Open Inference
    /// Protocol v2 (<c>/v2/health/live</c>, <c>/v2/health/ready</c>, <c>/v2/models/{model}</c>, …<c>/ready</c>, …<c>/infer</c>).
    /// </summary>
    /// <remarks>
    /// A refused request gets a 4xx with one line: problem details from <c>/predict</c>, the protocol's <c>error</c> from <c>/v2</c>. Over the
    /// limits of <see cref="Cifar3ModelOptions"/> the answer is 413, without a free place or before the model is loaded 503 with Retry-After.
    /// </remarks>
    /// <param name="endpoints">The application.</param>
    /// <param name="page">Whether the page is mapped too. Default: true; an application's own page at <c>/</c> takes precedence.</param>
    /// <returns>The group, for authorization, rate limits, host filters.</returns>
    /// <exception cref="InvalidOperationException"><c>services.AddCifar3Classifier</c> was not called.</exception>
    public static RouteGroupBuilder MapCifar3(this IEndpointRouteBuilder endpoints, bool page = true)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        int times = endpoints.ServiceProvider.GetService<TimesMapped>()?.Next()
            ?? throw new InvalidOperationException("There is no model to map. Call builder.Services.AddCifar3Classifier before builder.Build()."); // else every request would be a 400 without a word
        var group = endpoints.MapGroup("").WithTags("Cifar3");
        group.CacheOutput(policy => policy.NoCache()); // a policy for the whole application would hold readiness and models after they changed; CacheOutput on the returned group overrules this
        if (page)
        {
            foreach (string path in PageFiles.Paths)
            {
                group.MapMethods(path, GetAndHead, (HttpContext http) => PageFiles.Get(http, path)).ExcludeFromDescription().Add(AfterTheApplicationsOwn);
            }
        }

        group.MapGet("/models", PictureEndpoints.Models).WithName(Name("ListModels")).WithSummary("Names, versions and classes of the models.").Produces<ModelAnswer[]>().ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        Described(group.MapPost("/predict", (Delegate)((HttpContext http) => PictureEndpoints.PredictAsync(http, null))), Name("Predict"));
        Described(group.MapPost("/predict/{model}", PictureEndpoints.PredictAsync), Name("PredictWithModel")).ProducesProblem(StatusCodes.Status404NotFound);

        var v2 = group.MapGroup("/v2");
        v2.MapGet("", InferenceEndpoints.Server).WithName(Name("ServerMetadata")).WithSummary("Name, version and extensions of the server.").Produces<ServerDescription>();
        v2.MapMethods("/health/live", Head, InferenceEndpoints.Live).ExcludeFromDescription();
        v2.MapMethods("/health/ready", Head, InferenceEndpoints.Ready).ExcludeFromDescription();
        v2.MapGet("/health/live", InferenceEndpoints.Live).WithName(Name("ServerLive")).WithSummary("200, without a body, where the server runs.").Produces(StatusCodes.Status200OK);
        v2.MapGet("/health/ready", InferenceEndpoints.Ready).WithName(Name("ServerReady")).WithSummary("200 where every model is loaded, else 503; without a body.")
            .Produces(StatusCodes.Status200OK).Produces(StatusCodes.Status503ServiceUnavailable);
        foreach (string version in new[] { "", "/versions/{version}" })
        {
            string suffix = version.Length > 0 ? "Version" : "";
            v2.MapGet($"/models/{{model}}{version}", InferenceEndpoints.Model).WithName(Name($"ModelMetadata{suffix}")).WithSummary("Inputs, outputs and classes of a model.")
                .Produces<ModelDescription>().Produces<InferenceError>(StatusCodes.Status404NotFound).Produces<InferenceError>(StatusCodes.Status503ServiceUnavailable);
            v2.MapGet($"/models/{{model}}{version}/ready", InferenceEndpoints.ModelReady).WithName(Name($"ModelReady{suffix}")).WithSummary("200, without a body, where the model is loaded.")
                .Produces(StatusCodes.Status200OK).Produces<InferenceError>(StatusCodes.Status404NotFound).Produces<InferenceError>(StatusCodes.Status503ServiceUnavailable);
            v2.MapPost($"/models/{{model}}{version}/infer", InferenceEndpoints.InferAsync).WithName(Name($"ModelInfer{suffix}")).WithSummary("Scores [N, 32, 32, 3] pixels; JSON, or JSON followed by binary tensors.")
                .Accepts<InferenceQuestion>("application/json", "*/*") // the last, so that no type is refused before the request is read
                .Produces<InferenceAnswer>()
                .Produces<InferenceError>(StatusCodes.Status400BadRequest)
                .Produces<InferenceError>(StatusCodes.Status404NotFound)
                .Produces<InferenceError>(StatusCodes.Status413PayloadTooLarge)
                .Produces<InferenceError>(StatusCodes.Status503ServiceUnavailable);
        }

        return group;

        string Name(string name) => times == 1 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}{times}");
    }

    /// <summary>An application that has a page at <c>/</c> (every template makes one) keeps it: two of equal order would be a 500 there. A fallback comes after both.</summary>
    private static void AfterTheApplicationsOwn(EndpointBuilder endpoint)
    {
        if (endpoint is RouteEndpointBuilder { RoutePattern.PathSegments.Count: 0 } root)
        {
            root.Order = int.MaxValue - 1;
        }
    }

    private static RouteHandlerBuilder Described(RouteHandlerBuilder predict, string name) => predict
        .WithName(name)
        .WithSummary("Says what a picture shows: one as the body, or several as the files of a form.")
        .WithDescription("A picture as the body is answered with one object. A form, also of one file, is answered with an array of such objects, in the order of its files.")
        .DisableAntiforgery()
        .Accepts<byte[]>("application/octet-stream", "image/*", "multipart/form-data", "*/*") // the last, so that other types get their one line too
        .Produces<PredictionAnswer>() // OpenAPI holds one type a status; the description tells the other
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
        .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
}
