namespace Cifar3.Tests;

/// <summary>A random 3×3 convolution and its forward and backward passes in double: the reference of the Winograd kernels.</summary>
internal sealed class WinogradProblem
{
    public WinogradProblem(int images, int height, int width, int inputs, int outputs, int border, int rows, int columns, int seed)
    {
        (Images, InHeight, InWidth, Inputs, Outputs, Border, Height, Width) = (images, height, width, inputs, outputs, border, rows, columns);
        var random = new PhiloxRandom(seed, RandomStreams.Examples);
        float limit = MathF.Sqrt(6f / (9 * (inputs + outputs)));
        X = Draw(images * height * width * inputs, 1);
        G = Draw(9 * inputs * outputs, limit);
        Bias = Draw(outputs, 0.1f);
        Dy = Draw(images * rows * columns * outputs, 1);

        float[] Draw(int count, float scale)
        {
            var values = new float[count];
            for (int i = 0; i < count; i++)
            {
                values[i] = (2 * random.NextSingle() - 1) * scale;
            }

            return values;
        }
    }

    public int Images { get; }

    public int InHeight { get; }

    public int InWidth { get; }

    public int Inputs { get; }

    public int Outputs { get; }

    public int Border { get; }

    /// <summary>Rows of output that are computed, at most those that exist.</summary>
    public int Height { get; }

    public int Width { get; }

    public float[] X { get; set; }

    public float[] G { get; set; }

    public float[] Bias { get; set; }

    public float[] Dy { get; set; }

    /// <summary>y [images, rows, columns, outputs]: the computed rows and columns of <see cref="ReferenceConv2D.Forward"/>.</summary>
    public double[] Forward()
    {
        double[] whole = new double[Shape.OutputCount], y = new double[Dy.Length];
        ReferenceConv2D.Forward(Doubles(X), Doubles(G), Doubles(Bias), Shape, whole);
        Rows((computed, all) => whole.AsSpan(all).CopyTo(y.AsSpan(computed)));
        return y;
    }

    /// <summary>dx, dg and db of Σ y·dy, by <see cref="ReferenceConv2D.Backward"/>; outputs that are not computed have no gradient.</summary>
    public (double[] Dx, double[] Dg, double[] Db) Backward()
    {
        double[] dy = Doubles(Dy), whole = new double[Shape.OutputCount], dx = new double[X.Length], dg = new double[G.Length], db = new double[Outputs];
        Rows((computed, all) => dy.AsSpan(computed).CopyTo(whole.AsSpan(all)));
        ReferenceConv2D.Backward(whole, Doubles(X), Doubles(G), Shape, dx, dg, db);
        return (dx, dg, db);
    }

    private ConvShape Shape => new(Images, InHeight, InWidth, Inputs, Outputs, Border);

    /// <summary>Visits each row of computed outputs: where it lies among them, and among all outputs.</summary>
    private void Rows(Action<Range, Range> visit)
    {
        int length = Width * Outputs;
        for (int b = 0; b < Images; b++)
        {
            for (int i = 0; i < Height; i++)
            {
                int computed = (b * Height + i) * length, all = Shape.Out(b, i, 0).Start.Value;
                visit(computed..(computed + length), all..(all + length));
            }
        }
    }

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, value => (double)value);

    /// <summary>Relative error: the Euclidean norm of the difference over the reference's.</summary>
    public static double Error(double[] expected, ReadOnlySpan<float> actual)
    {
        double difference = 0, size = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += (expected[i] - actual[i]) * (expected[i] - actual[i]);
            size += expected[i] * expected[i];
        }

        return Math.Sqrt(difference / size);
    }

    /// <summary>Largest difference over the largest reference value.</summary>
    public static double WorstError(double[] expected, ReadOnlySpan<float> actual)
    {
        double difference = 0, largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference = Math.Max(difference, float.IsNaN(actual[i]) ? double.PositiveInfinity : Math.Abs(expected[i] - actual[i]));
            largest = Math.Max(largest, Math.Abs(expected[i]));
        }

        return difference / largest;
    }
}
