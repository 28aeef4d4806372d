using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cifar3.Training;

/// <summary>
/// Writes the architecture and training settings as Keras' JSON. Only what defines the network is written: initializers and other
/// settings that are Keras' defaults are left to the reader.
/// </summary>
internal static class KerasConfigWriter
{
    /// <summary><c>config.json</c> of a <c>.keras</c> archive: objects name their module.</summary>
    public static JsonObject Archive(CnnModel model, double learningRate)
    {
        var root = Object("keras", "Sequential", new JsonObject
        {
            ["name"] = "sequential",
            ["trainable"] = true,
            ["dtype"] = "float32",
            ["layers"] = Layers(model, "batch_shape", (kind, config) => Object("keras.layers", kind, config)),
            ["build_input_shape"] = InputShape(),
        });
        root["compile_config"] = Training(new JsonObject { ["optimizer"] = Object("keras.optimizers", "Adam", Adam(learningRate)) });
        return root;
    }

    /// <summary><c>model_config</c> of an HDF5 model.</summary>
    public static JsonObject Model(CnnModel model, bool keras3) => Legacy("Sequential", new JsonObject
    {
        ["name"] = "sequential",
        ["layers"] = Layers(model, keras3 ? "batch_shape" : "batch_input_shape", Legacy),
    });

    /// <summary><c>training_config</c> of an HDF5 model.</summary>
    public static JsonObject Training(double learningRate) => Training(new JsonObject { ["optimizer_config"] = Legacy("Adam", Adam(learningRate)) });

    /// <summary>What weights alone cannot tell, for this library's own reader: the settings of the architecture, and whose the optimizer's state is.</summary>
    public static JsonObject Settings(CnnModel model, double learningRate) => new()
    {
        ["dropout_rates"] = List(model.Architecture.DropoutRates),
        ["batch_normalization_momentum"] = List(model.Architecture.BatchNormalizationMomentum),
        ["batch_normalization_epsilon"] = List(model.Architecture.BatchNormalizationEpsilon),
        ["optimizer"] = Legacy("Adam", Adam(learningRate)),
    };

    private static JsonObject Training(JsonObject optimizer)
    {
        optimizer["loss"] = "categorical_crossentropy";
        optimizer["metrics"] = new JsonArray("accuracy");
        optimizer["weighted_metrics"] = null;
        optimizer["loss_weights"] = null;
        return optimizer;
    }

    private static JsonObject Adam(double learningRate) => new()
    {
        ["learning_rate"] = learningRate,
        ["beta_1"] = AdamOptimizer.Beta1,
        ["beta_2"] = AdamOptimizer.Beta2,
        ["epsilon"] = AdamOptimizer.Epsilon,
        ["amsgrad"] = false,
    };

    private static JsonArray Layers(CnnModel model, string shapeKey, Func<string, JsonObject, JsonObject> wrap)
    {
        var layers = new JsonArray(wrap("InputLayer", new JsonObject { [shapeKey] = InputShape(), ["dtype"] = "float32", ["name"] = "input_layer" }));
        foreach (var layer in model.Layers)
        {
            var config = new JsonObject { ["name"] = layer.Name, ["trainable"] = true, ["dtype"] = "float32" };
            foreach (var (key, value) in Settings(layer))
            {
                config[key] = value;
            }

            JsonNode entry = wrap(layer.Kind, config);
            layers.Add(entry); // as a node: Add<T> asks for reflection
        }

        return layers;
    }

    private static IEnumerable<(string Key, JsonNode? Value)> Settings(CnnLayer layer) => layer switch
    {
        Conv2DLayer conv =>
        [
            ("filters", conv.Filters), ("kernel_size", Pair(Conv2DLayer.KernelSize)), ("strides", Pair(1)),
            ("padding", conv.Padding == ConvPadding.Same ? "same" : "valid"), ("data_format", "channels_last"), ("activation", "relu"), ("use_bias", true),
        ],
        BatchNormalizationLayer norm =>
        [
            ("axis", -1), ("momentum", norm.Momentum), ("epsilon", norm.Epsilon), ("center", true), ("scale", true),
        ],
        MaxPooling2DLayer => [("pool_size", Pair(2)), ("padding", "valid"), ("strides", Pair(2)), ("data_format", "channels_last")],
        DropoutLayer dropout => [("rate", dropout.Rate)],
        FlattenLayer => [("data_format", "channels_last")],
        DenseLayer dense => [("units", dense.Units), ("activation", "softmax"), ("use_bias", true)],
        _ => throw new InvalidOperationException($"Layer '{layer.Name}' of kind {layer.Kind} has no Keras form."),
    };

    private static JsonObject Object(string module, string kind, JsonObject config) =>
        new() { ["module"] = module, ["class_name"] = kind, ["config"] = config, ["registered_name"] = null };

    private static JsonObject Legacy(string kind, JsonObject config) => new() { ["class_name"] = kind, ["config"] = config };

    private static JsonArray InputShape() => new(null, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels);

    private static JsonArray List(IEnumerable<double> values) => [.. values.Select(value => (JsonNode)value)];

    private static JsonArray Pair(int value) => new(value, value);
}
