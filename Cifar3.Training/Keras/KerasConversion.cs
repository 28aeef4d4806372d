using System.Collections.Immutable;

namespace Cifar3.Training;

/// <summary>
/// How a file's numbers become this network's: other backends turn kernels, channels_first flattens in another order, and a model that
/// scales its own input does so here in its first convolution.
/// </summary>
internal sealed class KerasConversion
{
    private readonly bool turnsKernels, flattensChannelsFirst;
    private readonly double[]? inputScale; // of the first convolution's input channels; null where nothing is scaled

    private KerasConversion(bool turnsKernels, bool flattensChannelsFirst, double[]? inputScale) =>
        (this.turnsKernels, this.flattensChannelsFirst, this.inputScale) = (turnsKernels, flattensChannelsFirst, inputScale);

    /// <summary>Whether Adam's moments, too, can be converted: those of scaled weights would take other steps.</summary>
    public bool KeepsMoments => inputScale is null;

    /// <summary>Whether all weights stay as they are in the file.</summary>
    public bool KeepsWeights => !turnsKernels && !flattensChannelsFirst && inputScale is null;

    /// <summary>Finds what must be converted.</summary>
    /// <param name="backend">The file's <c>backend</c>; null when it says none.</param>
    /// <param name="config">The architecture; null for weights alone.</param>
    /// <param name="variables">A layer's variables, in the file's order.</param>
    /// <param name="notes">Receives what is to be said.</param>
    /// <exception cref="Cifar3ModelException">The model prepares its input in a way that this network cannot hold.</exception>
    public static KerasConversion Create(string? backend, KerasConfig? config, Func<KerasLayer, IReadOnlyList<float[]>> variables, List<string> notes)
    {
        // Theano convolves where all other backends correlate (Keras 2.3.1, preprocess_weights_for_loading).
        bool isTheano = string.Equals(backend, "theano", StringComparison.OrdinalIgnoreCase);
        if (isTheano)
        {
            notes.Add("The file's backend is Theano: the convolutions' kernels were turned by 180 degrees, as Keras does.");
        }

        return new KerasConversion(isTheano, config?.FlattensChannelsFirst == true, config is { Preprocessing.Count: > 0 } ? InputScale(config, variables, notes) : null);
    }

    /// <summary>Converts one weight, or a moment of it.</summary>
    /// <param name="name">The weight's full name.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="values">Its numbers as the file has them; changed in place or replaced.</param>
    public float[] Convert(string name, ImmutableArray<int> shape, float[] values)
    {
        if (shape.Length == 4 && turnsKernels)
        {
            int taps = shape[0] * shape[1], each = shape[2] * shape[3];
            float[] turned = new float[values.Length];
            for (int tap = 0; tap < taps; tap++)
            {
                values.AsSpan(tap * each, each).CopyTo(turned.AsSpan((taps - 1 - tap) * each));
            }

            values = turned;
        }

        if (name == "conv2d/kernel" && inputScale is not null)
        {
            int outputs = shape[3];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = (float)(values[i] * inputScale[i / outputs % shape[2]]);
            }
        }

        if (name == "dense/kernel" && flattensChannelsFirst)
        {
            // Rows of the file: channel, pixel; here: pixel, channel. The last block leaves 2x2 pixels.
            const int pixels = 4;
            int channels = shape[0] / pixels, classes = shape[1];
            float[] reordered = new float[values.Length];
            for (int row = 0; row < shape[0]; row++)
            {
                values.AsSpan((row % channels * pixels + row / channels) * classes, classes).CopyTo(reordered.AsSpan(row * classes));
            }

            values = reordered;
        }

        return values;
    }

    /// <summary>
    /// What Rescaling and Normalization make of pixels 0 to 255, as factors of pixel/255. A shift is refused: at the border the first
    /// convolution sees zeros, which the file's model does not shift, so no kernel and bias compute the same.
    /// </summary>
    private static double[]? InputScale(KerasConfig config, Func<KerasLayer, IReadOnlyList<float[]>> variables, List<string> notes)
    {
        var layers = config.Preprocessing;
        double[] scale = [255, 255, 255], shift = [0, 0, 0]; // of pixel/255
        foreach (var layer in layers)
        {
            var (factor, offset) = layer.Kind == "Rescaling" ? Rescaling(layer) : Normalization(layer, config.IsChannelsFirst, variables);
            for (int c = 0; c < scale.Length; c++)
            {
                (scale[c], shift[c]) = (scale[c] * factor[c], shift[c] * factor[c] + offset[c]);
            }
        }

        string names = string.Join(" and ", layers.Select(layer => $"'{layer.Name}' ({layer.Kind})"));
        if (scale.Zip(shift).Any(pair => !double.IsFinite(pair.First) || Math.Abs(pair.Second) > 1e-9 * Math.Abs(pair.First)))
        {
            throw new Cifar3ModelException(
                $"Layer {names} shifts the input: pixel/255 becomes ({Text(scale)})·x + ({Text(shift)}). Expected an input without shift, such as Rescaling(1/255): a first convolution with padding 'same' cannot hold a shift. To score this model, export it to ONNX (model.export(\"m.onnx\", format=\"onnx\")), which Cifar3Classifier reads as it is; to train it here, train it on inputs without shift.");
        }

        if (scale.All(s => Math.Abs(s - 1) < 1e-6))
        {
            notes.Add($"{names} divides pixels by 255, as this library does by itself: the layer was left out.");
            return null;
        }

        notes.Add($"{names} was folded into the first convolution, its input taken as pixels of 0 to 255.");
        return scale;

        static string Text(double[] values) => string.Join(", ", values.Select(v => FormattableString.Invariant($"{v:G6}")));
    }

    private static (double[] Factor, double[] Offset) Rescaling(KerasLayer layer) =>
        (PerChannel(layer, layer.Numbers("scale") ?? throw layer.Difference("scale", "a number", layer.Compact("scale")), "scale"),
            PerChannel(layer, layer.Numbers("offset") ?? [0], "offset"));

    private static (double[] Factor, double[] Offset) Normalization(KerasLayer layer, bool isChannelsFirst, Func<KerasLayer, IReadOnlyList<float[]>> variables)
    {
        layer.Same("axis", [.. isChannelsFirst ? ["1", "[1]", "-3", "[-3]"] : Array.Empty<string>(), "-1", "[-1]", "3", "[3]", "[]"]); // the last is None: one number for all; so has -1 where channels come first
        layer.Same("invert", "false");

        // Given as settings, or found by adapt() and then stored as the variables mean, variance, count.
        double[]? mean = layer.Numbers("mean"), variance = layer.Numbers("variance");
        if ((mean is null || variance is null) && variables(layer) is [var means, var variances, ..])
        {
            (mean, variance) = (Array.ConvertAll(means, v => (double)v), Array.ConvertAll(variances, v => (double)v));
        }

        if (mean is null || variance is null)
        {
            throw layer.Difference("mean and variance", "numbers", "none");
        }

        double[] factor = [.. PerChannel(layer, variance, "variance").Select(v => 1 / Math.Max(Math.Sqrt(v), 1e-7))];
        return (factor, [.. PerChannel(layer, mean, "mean").Zip(factor, (m, f) => -m * f)]);
    }

    private static double[] PerChannel(KerasLayer layer, double[] values, string setting) => values.Length switch
    {
        1 => [values[0], values[0], values[0]],
        3 => values,
        _ => throw layer.Difference(setting, "one number or three", FormattableString.Invariant($"{values.Length}")),
    };
}
