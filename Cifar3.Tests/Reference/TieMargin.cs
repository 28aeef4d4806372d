namespace Cifar3.Tests;

/// <summary>
/// How far a forward pass stays from the network's kinks: where a ReLU's input is nearly 0, or two inputs of a pooling window are
/// nearly equal, float32 and double may choose differently, and a gradient jumps though both are right.
/// </summary>
internal static class TieMargin
{
    /// <summary>
    /// The smallest distance to a tie in the last forward pass, relative to the root mean square of its convolution's output.
    /// Before a pooling only what the pooling chooses counts: its largest input against 0 and against the second.
    /// </summary>
    public static double Of(ReferenceNetwork network, CnnModel model)
    {
        double margin = double.MaxValue;
        foreach (var conv in model.Layers.OfType<Conv2DLayer>())
        {
            double[] z = network.PreActivations[conv.Name];
            double smallest = conv.Padding == ConvPadding.Same ? z.Min(Math.Abs) : OfWindows(z, conv.OutputShape[0], conv.OutputShape[1], conv.Filters);
            margin = Math.Min(margin, smallest / Math.Sqrt(z.Average(value => value * value)));
        }

        return margin;
    }

    private static double OfWindows(double[] z, int H, int W, int C)
    {
        double margin = double.MaxValue;
        for (int b = 0; b < z.Length / (H * W * C); b++)
            for (int i = 0; i + 1 < H; i += 2)
                for (int j = 0; j + 1 < W; j += 2)
                    for (int c = 0; c < C; c++)
                    {
                        double largest = double.MinValue, second = double.MinValue;
                        for (int n = 0; n < 4; n++)
                        {
                            double value = z[((b * H + i + n / 2) * W + j + n % 2) * C + c];
                            second = Math.Max(second, Math.Min(value, largest));
                            largest = Math.Max(largest, value);
                        }

                        margin = Math.Min(margin, Math.Min(Math.Abs(largest), largest > 0 ? largest - second : double.MaxValue));
                    }

        return margin;
    }
}
