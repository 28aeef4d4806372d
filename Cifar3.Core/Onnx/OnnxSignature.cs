namespace Cifar3;

/// <summary>How a graph takes images and gives classes: names, layout, and what is left to do after it.</summary>
/// <param name="InputName">Name of the input, float32, or uint8 where <see cref="TakesBytes"/>.</param>
/// <param name="OutputName">Name of the output, float32 [N, classes].</param>
/// <param name="Classes">Number of classes.</param>
internal sealed record OnnxSignature(string InputName, string OutputName, int Classes)
{
    /// <summary>Whether the input is [N, 3, 32, 32] instead of [N, 32, 32, 3].</summary>
    public bool ChannelsFirst { get; init; }

    /// <summary>Whether the output is logits, on which softmax is still to be computed.</summary>
    public bool IsLogits { get; init; }

    /// <summary>Whether the input is uint8 [N, 32, 32, 3], so that nothing is left to do before it.</summary>
    public bool TakesBytes { get; init; }

    /// <summary>Whether N is fixed at 1.</summary>
    public bool OneImageOnly { get; init; }

    /// <summary>How pixels become the input's numbers, where it does not take bytes.</summary>
    public InputScaling Scaling { get; init; } = InputScaling.ZeroToOne;

    /// <summary>Why <see cref="Scaling"/> is what it is, in words; null where the file is this library's.</summary>
    public string? ScalingReason { get; init; }

    /// <summary>What an image costs, in multiples of this network of default size; at least 1.</summary>
    public double Cost { get; init; } = 1;

    /// <summary>The input's shape without N.</summary>
    public long[] ImageShape => ChannelsFirst
        ? [CnnArchitecture.InputChannels, CnnArchitecture.InputSize, CnnArchitecture.InputSize]
        : [CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels];

    /// <summary>Layout, scaling and its reason, and what is done behind the graph, in one line.</summary>
    public string Describe()
    {
        const int size = CnnArchitecture.InputSize, channels = CnnArchitecture.InputChannels;
        string layout = ChannelsFirst ? $"[N, {channels}, {size}, {size}]" : $"[N, {size}, {size}, {channels}]";
        string scaling = TakesBytes ? "the pixels themselves, uint8" : $"{Scaling}{(ScalingReason is null ? "" : $", {ScalingReason}")}";
        return $"{layout}, red, green, blue: {scaling}{(IsLogits ? ". Softmax is computed behind the graph" : "")}";
    }

    /// <summary>Images of one run, where <paramref name="best"/> are best for this library's network: fewer of a graph that needs more for each, so that a run takes the same memory.</summary>
    public int ImagesPerRun(int best) => OneImageOnly ? 1 : Math.Max(1, (int)(best / Cost));

    /// <summary>What this library writes.</summary>
    public static OnnxSignature Own(int classes) => new(KerasGraph.InputName, OnnxGraphBuilder.OutputName, classes);

    /// <summary>Pixels [N, 32, 32, 3] into the input's layout, scaled.</summary>
    public void Scale(ReadOnlySpan<byte> pixels, Span<float> scaled)
    {
        if (Scaling != InputScaling.ZeroToOne)
        {
            Scaling.Scale(pixels, scaled, ChannelsFirst);
        }
        else if (ChannelsFirst)
        {
            PixelScaling.ScaleChannelsFirst(pixels, scaled);
        }
        else
        {
            PixelScaling.Scale(pixels, scaled);
        }
    }

    /// <summary>The graph's output as probabilities [N, classes].</summary>
    public void Finish(ReadOnlySpan<float> output, Span<float> probabilities)
    {
        output.CopyTo(probabilities);
        for (int row = 0; IsLogits && row < output.Length; row += Classes)
        {
            Softmax(probabilities.Slice(row, Classes));
        }
    }

    private static void Softmax(Span<float> row)
    {
        float largest = float.NegativeInfinity;
        foreach (float logit in row)
        {
            largest = Math.Max(largest, logit);
        }

        double sum = 0;
        foreach (float logit in row)
        {
            sum += Math.Exp(logit - largest);
        }

        foreach (ref float value in row)
        {
            value = (float)(Math.Exp(value - largest) / sum);
        }
    }
}
