using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cifar3.AspNetCore;

// What OpenAPI says of the protocol's bodies. InferenceEndpoints and InferenceRequest write and read them token by token; nothing is made of these types.

/// <summary>Answer of <c>/v2</c>.</summary>
internal sealed record ServerDescription(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("version")] string Version,
    [property: JsonPropertyName("extensions")] string[] Extensions);

/// <summary>Answer of <c>/v2/models/{model}</c>.</summary>
internal sealed record ModelDescription(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("versions")] string[] Versions,
    [property: JsonPropertyName("platform")] string Platform,
    [property: JsonPropertyName("inputs")] TensorDescription[] Inputs,
    [property: JsonPropertyName("outputs")] TensorDescription[] Outputs,
    [property: JsonPropertyName("parameters")] ModelParameters Parameters);

/// <summary>An input or output; -1 in the shape is any number of images.</summary>
internal sealed record TensorDescription(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("datatype")] string Datatype,
    [property: JsonPropertyName("shape")] int[] Shape);

/// <summary>The classes, as text that is a JSON array.</summary>
internal sealed record ModelParameters([property: JsonPropertyName("classes")] string Classes);

/// <summary>Body of <c>…/infer</c>.</summary>
internal sealed record InferenceQuestion(
    [property: JsonPropertyName("inputs")] InferenceTensor[] Inputs,
    [property: JsonPropertyName("id")] string? Id = null,
    [property: JsonPropertyName("outputs")] AskedOutput[]? Outputs = null);

/// <summary>An output that is asked for; <c>parameters</c> may have <c>binary_data</c>.</summary>
internal sealed record AskedOutput(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("parameters")] JsonElement? Parameters = null);

/// <summary>Answer of <c>…/infer</c>.</summary>
internal sealed record InferenceAnswer(
    [property: JsonPropertyName("model_name")] string ModelName,
    [property: JsonPropertyName("model_version")] string ModelVersion,
    [property: JsonPropertyName("outputs")] InferenceTensor[] Outputs,
    [property: JsonPropertyName("id")] string? Id = null);

/// <summary>Numbers or labels; binary ones stand behind the JSON, and <c>parameters</c> has their <c>binary_data_size</c>.</summary>
internal sealed record InferenceTensor(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("datatype")] string Datatype,
    [property: JsonPropertyName("shape")] int[] Shape,
    [property: JsonPropertyName("data")] JsonElement? Data = null,
    [property: JsonPropertyName("parameters")] JsonElement? Parameters = null);

/// <summary>The protocol's refusal.</summary>
internal sealed record InferenceError([property: JsonPropertyName("error")] string Error);
