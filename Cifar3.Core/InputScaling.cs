using System.Collections.Immutable;
using System.ComponentModel;
using System.Globalization;

namespace Cifar3;

/// <summary>
/// How a pixel (uint8, 0 to 255) becomes the number that a model of another tool takes: for graphs that do not show it, because the program that
/// they were made for scaled the pixels itself.
/// </summary>
/// <example><code>
/// // A PyTorch model whose images went through ToTensor() and Normalize(mean, std)
/// var options = new ClassifierOptions
/// {
///     ClassNames = ["airplane", "automobile", "bird"],
///     InputScaling = InputScaling.Normalize([0.4914f, 0.4822f, 0.4465f], [0.2470f, 0.2435f, 0.2616f]),
/// };
/// </code></example>
/// <remarks>In a configuration it is one of the three names that need no numbers: <c>ZeroToOne</c>, <c>Bytes</c>, <c>MinusOneToOne</c>.</remarks>
[TypeConverter(typeof(InputScalingByName))]
public sealed class InputScaling
{
    private const int Levels = 256;

    private readonly ImmutableArray<float> table; // [3, 256]
    private readonly string words;

    private InputScaling(string words, Func<int, int, float> value)
    {
        this.words = words;
        table = [.. Enumerable.Range(0, CnnArchitecture.InputChannels * Levels).Select(i => value(i / Levels, i % Levels))];
    }

    /// <summary>0 to 1: pixel / 255, as torchvision's <c>ToTensor</c> and most Keras notebooks do. What is taken where a graph does not show another.</summary>
    public static InputScaling ZeroToOne { get; } = new("0 to 1 (pixel / 255)", (_, pixel) => pixel / 255f);

    /// <summary>0 to 255: the pixel itself, for a graph that scales it.</summary>
    public static InputScaling Bytes { get; } = new("0 to 255 (the pixel itself)", (_, pixel) => pixel);

    /// <summary>−1 to 1: pixel / 127.5 − 1, as <c>keras.applications</c>' mode 'tf' does.</summary>
    public static InputScaling MinusOneToOne { get; } = new("-1 to 1 (pixel / 127.5 - 1)", (_, pixel) => pixel / 127.5f - 1f);

    /// <summary>pixel · scale + offset, as Keras' <c>Rescaling</c> layer.</summary>
    /// <param name="scale">The factor; finite and not 0.</param>
    /// <param name="offset">What is added after it. Default: 0.</param>
    /// <returns>The scaling.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A number is not finite, or the factor is 0.</exception>
    public static InputScaling Rescaling(float scale, float offset = 0)
    {
        CheckFactor(scale, nameof(scale));
        CheckFinite(offset, nameof(offset));
        return new(string.Create(CultureInfo.InvariantCulture, $"pixel * {scale} + {offset}"), (_, pixel) => pixel * scale + offset);
    }

    /// <summary>(pixel / 255 − mean) / std for each channel, as torchvision's <c>Normalize</c> after <c>ToTensor</c>.</summary>
    /// <param name="mean">Three means: red, green, blue.</param>
    /// <param name="std">Three standard deviations, none 0.</param>
    /// <returns>The scaling.</returns>
    /// <exception cref="ArgumentException">There are not three of each.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is not finite, or a standard deviation is 0.</exception>
    public static InputScaling Normalize(IEnumerable<float> mean, IEnumerable<float> std)
    {
        float[] means = Three(mean, nameof(mean)), stds = Three(std, nameof(std));
        Array.ForEach(means, value => CheckFinite(value, nameof(mean)));
        Array.ForEach(stds, value => CheckFactor(value, nameof(std)));
        return new(
            string.Create(CultureInfo.InvariantCulture, $"(pixel / 255 - mean) / std, mean {means[0]} {means[1]} {means[2]}, std {stds[0]} {stds[1]} {stds[2]}"),
            (channel, pixel) => (pixel / 255f - means[channel]) / stds[channel]);
    }

    /// <inheritdoc/>
    public override string ToString() => words;

    /// <summary>Pixels [N, 32, 32, 3] scaled, in the same layout or [N, 3, 32, 32].</summary>
    internal void Scale(ReadOnlySpan<byte> pixels, Span<float> scaled, bool channelsFirst)
    {
        const int plane = CnnArchitecture.InputSize * CnnArchitecture.InputSize, channels = CnnArchitecture.InputChannels;
        var values = table.AsSpan();
        for (int image = 0; image < pixels.Length; image += CnnArchitecture.ImageBytes)
        {
            for (int i = 0; i < CnnArchitecture.ImageBytes; i++)
            {
                int channel = i % channels;
                scaled[image + (channelsFirst ? channel * plane + i / channels : i)] = values[channel * Levels + pixels[image + i]];
            }
        }
    }

    private static float[] Three(IEnumerable<float> values, string name)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        float[] three = [.. values.Take(CnnArchitecture.InputChannels + 1)];
        return three.Length == CnnArchitecture.InputChannels ? three : throw new ArgumentException("Give one number for each of red, green and blue.", name);
    }

    private static void CheckFinite(float value, string name)
    {
        if (!float.IsFinite(value))
        {
            throw new ArgumentOutOfRangeException(name, value, "The number must be finite.");
        }
    }

    private static void CheckFactor(float value, string name)
    {
        CheckFinite(value, name);
        if (value == 0)
        {
            throw new ArgumentOutOfRangeException(name, value, "The number must not be 0.");
        }
    }
}

/// <summary>The scalings that need no numbers, by their names: a configuration's binder asks for it, and would skip the option without.</summary>
internal sealed class InputScalingByName : TypeConverter
{
    public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) => sourceType == typeof(string);

    public override object ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) => ((string)value).ToUpperInvariant() switch
    {
        "ZEROTOONE" => InputScaling.ZeroToOne,
        "BYTES" => InputScaling.Bytes,
        "MINUSONETOONE" => InputScaling.MinusOneToOne,
        _ => throw new FormatException("Its names are ZeroToOne, Bytes and MinusOneToOne; set Rescaling and Normalize in code."),
    };
}
