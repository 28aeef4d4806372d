namespace Cifar3.Tests;

/// <summary>A random 3×3 convolution and its forward and backward passes in plain double loops: the reference of the Winograd kernels.</summary>
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

    /// <summary>y[b, i, j, co] = bias[co] + Σ over kh, kw, ci of x[b, i + kh − border, j + kw − border, ci] · g[kh, kw, ci, co].</summary>
    public double[] Forward()
    {
        var y = new double[Images * Height * Width * Outputs];
        for (int o = 0; o < y.Length; o++)
        {
            y[o] = Bias[o % Outputs];
        }

        Visit((x, g, o) =>
        {
            for (int co = 0; co < Outputs; co++)
            {
                y[o + co] += (double)X[x] * G[g + co];
            }
        });
        return y;
    }

    /// <summary>dx, dg and db of Σ y·dy.</summary>
    public (double[] Dx, double[] Dg, double[] Db) Backward()
    {
        double[] dx = new double[X.Length], dg = new double[G.Length], db = new double[Outputs];
        Visit((x, g, o) =>
        {
            for (int co = 0; co < Outputs; co++)
            {
                dx[x] += (double)Dy[o + co] * G[g + co];
                dg[g + co] += (double)Dy[o + co] * X[x];
            }
        });
        for (int o = 0; o < Dy.Length; o++)
        {
            db[o % Outputs] += Dy[o];
        }

        return (dx, dg, db);
    }

    private void Visit(Action<int, int, int> term)
    {
        for (int b = 0; b < Images; b++)
            for (int i = 0; i < Height; i++)
                for (int j = 0; j < Width; j++)
                    for (int kh = 0; kh < 3; kh++)
                        for (int kw = 0; kw < 3; kw++)
                        {
                            int row = i + kh - Border, column = j + kw - Border;
                            if (row < 0 || row >= InHeight || column < 0 || column >= InWidth) continue;
                            for (int ci = 0; ci < Inputs; ci++)
                            {
                                term(((b * InHeight + row) * InWidth + column) * Inputs + ci, ((kh * 3 + kw) * Inputs + ci) * Outputs, ((b * Height + i) * Width + j) * Outputs);
                            }
                        }
    }

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
