using System.Globalization;
using System.Text;

namespace Cifar3;

/// <summary>
/// Writes a model repository in the layout of NVIDIA's Triton Inference Server: <c>NAME/config.pbtxt</c>, <c>NAME/labels.txt</c>,
/// <c>NAME/1/model.onnx</c>. OpenVINO Model Server, KServe and Azure ML (<c>triton_model</c>) take the same layout.
/// </summary>
/// <remarks><see href="https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html"/></remarks>
public static class TritonRepository
{
    private const int MaxNameLength = 100;

    /// <summary>Writes the repository.</summary>
    /// <param name="folder">The repository's folder; other models in it stay.</param>
    /// <param name="model">The model.</param>
    /// <param name="options">Its flavour; null = <see cref="OnnxFlavor.Keras"/>. Default: null.</param>
    /// <param name="name">The model's name: letters, digits, <c>_</c>, <c>-</c> and <c>.</c>, at most 100, not beginning with a dot. Default: <c>cifar3</c>.</param>
    /// <param name="maxBatchSize">The most images that the server puts together, above 0. Default: 64.</param>
    /// <returns>The model's folder.</returns>
    /// <exception cref="ArgumentException">The name or the batch size is none, or the options do not fit.</exception>
    /// <exception cref="Cifar3Exception">A file cannot be written.</exception>
    public static string Save(string folder, CnnModel model, OnnxExportOptions? options = null, string name = "cifar3", int maxBatchSize = 64)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBatchSize, 1);
        if (name.Length is 0 or > MaxNameLength || name[0] == '.' || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'))
        {
            throw new ArgumentException($"A model's name in a repository is 1 to {MaxNameLength} letters, digits, '_', '-' and '.', not beginning with '.'. Received: '{Shown.Text(name)}'.", nameof(name));
        }

        if (model.ClassNames.FirstOrDefault(className => className.AsSpan().ContainsAny('\n', '\r')) is { } broken)
        {
            throw new ArgumentException($"A class name cannot hold a line break in labels.txt. Received: '{Shown.Text(broken)}'.", nameof(model));
        }

        options ??= new OnnxExportOptions();
        string target = Path.Combine(folder, name);
        model.SaveOnnx(Path.Combine(target, "1", "model.onnx"), options);
        AtomicFile.Write(Path.Combine(target, "labels.txt"), Encoding.UTF8.GetBytes(string.Concat(model.ClassNames.Select(className => className + "\n"))));
        AtomicFile.Write(Path.Combine(target, "config.pbtxt"), Encoding.UTF8.GetBytes(Config(name, model.ClassNames.Length, options.Flavor, maxBatchSize)));
        return target;
    }

    /// <summary>The configuration as protobuf text of <c>inference.ModelConfig</c>; dimensions are without N, which dynamic batching adds.</summary>
    private static string Config(string name, int classes, OnnxFlavor flavor, int maxBatchSize)
    {
        var (input, type) = flavor == OnnxFlavor.Keras ? (KerasGraph.InputName, "TYPE_FP32") : (OptimizedGraph.InputName, "TYPE_UINT8");
        return string.Create(CultureInfo.InvariantCulture, $$"""
            name: "{{name}}"
            platform: "onnxruntime_onnx"
            max_batch_size: {{maxBatchSize}}
            input [
              {
                name: "{{input}}"
                data_type: {{type}}
                dims: [ {{CnnArchitecture.InputSize}}, {{CnnArchitecture.InputSize}}, {{CnnArchitecture.InputChannels}} ]
              }
            ]
            output [
              {
                name: "{{OnnxGraphBuilder.OutputName}}"
                data_type: TYPE_FP32
                dims: [ {{classes}} ]
                label_filename: "labels.txt"
              }
            ]
            dynamic_batching {
              max_queue_delay_microseconds: 1000
            }

            """).ReplaceLineEndings("\n");
    }
}
