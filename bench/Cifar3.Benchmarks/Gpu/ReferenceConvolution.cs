namespace Cifar3.Benchmarks;

/// <summary>
/// A 3×3 convolution and its adjoints in plain C#, in the order of sums that <c>convolution.cl</c> states, with <see cref="MathF.FusedMultiplyAdd"/>: kernels
/// must give the same bits. perSlice: products of a slice, where the summed index is cut.
/// </summary>
/// <remarks>x, dx [N, H, W, C]; y, dy [N, OH, OW, K]; kernel [9, C, K] and bias [K] somewhere in parameters. Pad 1: OH = H; pad 0: OH = H − 2.</remarks>
internal sealed record ReferenceConvolution(int N, int H, int W, int C, int K, int Pad)
{
    private const int Block = 64; // products that make a sum of their own

    public int OH => H - 2 + 2 * Pad;

    public int OW => W - 2 + 2 * Pad;

    /// <summary>Rows of y: pixels of all images.</summary>
    public int M => N * OH * OW;

    /// <summary>y = max(0, x ∗ kernel + bias).</summary>
    public float[] Forward(float[] x, float[] parameters, int kernelAt, int biasAt, int perSlice = int.MaxValue)
    {
        float[] y = new float[M * K];
        for (int m = 0; m < M; m++)
        {
            for (int o = 0; o < K; o++)
            {
                y[m * K + o] = Math.Max(0, Slices(9 * C, perSlice, q => (Patch(x, m, q), parameters[kernelAt + q * K + o])) + parameters[biasAt + o]);
            }
        }

        return y;
    }

    /// <summary>dx of dy.</summary>
    public float[] BackwardInput(float[] dy, float[] parameters, int kernelAt, int perSlice = int.MaxValue)
    {
        float[] dx = new float[N * H * W * C];
        for (int e = 0; e < dx.Length; e++)
        {
            int input = e % C, ix = e / C % W, iy = e / (C * W) % H, image = e / (C * W * H);
            dx[e] = Slices(9 * K, perSlice, q =>
            {
                int tap = q / K, oy = iy + Pad - tap / 3, ox = ix + Pad - tap % 3;
                float g = oy >= 0 && oy < OH && ox >= 0 && ox < OW ? dy[((image * OH + oy) * OW + ox) * K + q % K] : 0;
                return (g, parameters[kernelAt + (tap * C + input) * K + q % K]);
            });
        }

        return dx;
    }

    /// <summary>The gradients of kernel and bias, a part [9·C + 1, K] for every slice of <paramref name="perSlice"/> pixels.</summary>
    public float[] BackwardWeights(float[] x, float[] dy, int perSlice)
    {
        int slices = (M + perSlice - 1) / perSlice;
        float[] part = new float[slices * (9 * C + 1) * K];
        for (int slice = 0; slice < slices; slice++)
        {
            for (int q = 0; q <= 9 * C; q++)
            {
                for (int o = 0; o < K; o++)
                {
                    part[(slice * (9 * C + 1) + q) * K + o] = Sum(slice * perSlice, Math.Min(M, (slice + 1) * perSlice), m => (q < 9 * C ? Patch(x, m, q) : 1, dy[m * K + o]));
                }
            }
        }

        return part;
    }

    /// <summary>The sums of the slices, added up.</summary>
    private static float Slices(int end, int perSlice, Func<int, (float A, float B)> factors)
    {
        float total = Sum(0, Math.Min(end, perSlice), factors);
        for (long first = perSlice; first < end; first += perSlice)
        {
            total += Sum((int)first, (int)Math.Min(end, first + perSlice), factors);
        }

        return total;
    }

    /// <summary>Products added in the kernels' order.</summary>
    private static float Sum(int first, int end, Func<int, (float A, float B)> factors)
    {
        float total = 0;
        for (int block = first; block < end; block += Block)
        {
            float sum = 0;
            for (int i = block; i < Math.Min(end, block + Block); i++)
            {
                var (a, b) = factors(i);
                sum = MathF.FusedMultiplyAdd(a, b, sum);
            }

            total += sum;
        }

        return total;
    }

    /// <summary>Element q = (tap, channel) of the patch of x that makes pixel m of y; 0 beyond the border.</summary>
    private float Patch(float[] x, int m, int q)
    {
        int image = m / (OH * OW), iy = m / OW % OH + q / C / 3 - Pad, ix = m % OW + q / C % 3 - Pad;
        return iy >= 0 && iy < H && ix >= 0 && ix < W ? x[((image * H + iy) * W + ix) * C + q % C] : 0;
    }
}
