using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// The convolutions against the same sums in C#, in the order that <c>convolution.cl</c> states, with <see cref="MathF.FusedMultiplyAdd"/>: the
/// same bits, or a kernel reads a wrong number somewhere. Sizes that fill no tile, and sizes that fill several.
/// </summary>
[TestFixtureSource(nameof(Shapes))]
public sealed class GpuConvolutionTests(GpuHost host, int n, int h, int w, int c, int k, int pad) : GpuTestBase(host)
{
    private static readonly int[][] Sizes =
    [
        [1, 3, 3, 1, 1, 0],
        [2, 6, 7, 3, 5, 1],
        [3, 5, 6, 17, 70, 0],
        [2, 8, 8, 32, 36, 1],
        [1, 7, 5, 65, 16, 1],
    ];

    private static IEnumerable<object[]> Shapes => from host in Enum.GetValues<GpuHost>() from size in Sizes select (object[])[host, .. size];

    private int OH => h - 2 + 2 * pad;

    private int OW => w - 2 + 2 * pad;

    private int M => n * OH * OW;

    [Test]
    public void Forward_Always_IsTheSameSumInCSharp()
    {
        float[] x = RandomFloats(n * h * w * c, 1), parameters = RandomFloats(9 * c * k + k + 3, 2, .1f), expected = new float[M * k];
        const int kernelAt = 1; // a place that is not aligned
        int biasAt = kernelAt + 9 * c * k;
        for (int m = 0; m < M; m++)
            for (int o = 0; o < k; o++)
            {
                expected[m * k + o] = Math.Max(0, Sum(0, 9 * c, q => (Patch(x, m, q), parameters[kernelAt + q * k + o])) + parameters[biasAt + o]);
            }

        using var device = Open();
        var y = Buffer(device, new float[M * k]);
        device.Launch(device.Kernel("conv_forward"), Tiles(M), Tiles(k), 1, Buffer(device, x), Buffer(device, parameters), kernelAt, biasAt, y, n, h, w, c, OH, OW, k, pad);

        AssertSameBits(Read<float>(device, y, M * k), expected, "y");
        Assert.That(expected.Count(value => value > 0), Is.InRange(expected.Length / 10, expected.Length), "ReLU holds some and lets some pass");
    }

    [Test]
    public void BackwardInput_Always_IsTheSameSumInCSharp()
    {
        float[] dy = RandomFloats(M * k, 3), parameters = RandomFloats(9 * c * k + 2, 4, .1f), expected = new float[n * h * w * c];
        const int kernelAt = 2;
        for (int e = 0; e < expected.Length; e++)
        {
            int input = e % c, ix = e / c % w, iy = e / (c * w) % h, image = e / (c * w * h);
            expected[e] = Sum(0, 9 * k, q =>
            {
                int tap = q / k, oy = iy + pad - tap / 3, ox = ix + pad - tap % 3;
                float g = oy >= 0 && oy < OH && ox >= 0 && ox < OW ? dy[((image * OH + oy) * OW + ox) * k + q % k] : 0;
                return (g, parameters[kernelAt + (tap * c + input) * k + q % k]);
            });
        }

        using var device = Open();
        var dx = Buffer(device, new float[expected.Length]);
        device.Launch(device.Kernel("conv_backward_input"), Tiles(n * h * w), Tiles(c), 1, Buffer(device, dy), Buffer(device, parameters), kernelAt, dx, n, h, w, c, OH, OW, k, pad);

        AssertSameBits(Read<float>(device, dx, expected.Length), expected, "dx");
    }

    [TestCase(1000)]
    [TestCase(17)]
    public void BackwardWeights_InSlices_IsTheSameSumInCSharp(int perSlice)
    {
        int slices = (M + perSlice - 1) / perSlice;
        float[] x = RandomFloats(n * h * w * c, 5), dy = RandomFloats(M * k, 6), expected = new float[slices * 9 * c * k];
        for (int slice = 0; slice < slices; slice++)
            for (int q = 0; q < 9 * c; q++)
                for (int o = 0; o < k; o++)
                {
                    expected[(slice * 9 * c + q) * k + o] = Sum(slice * perSlice, Math.Min(M, (slice + 1) * perSlice), m => (Patch(x, m, q), dy[m * k + o]));
                }

        using var device = Open();
        var part = Buffer(device, new float[expected.Length]);
        device.Launch(device.Kernel("conv_backward_weights"), Tiles(9 * c), Tiles(k), slices, Buffer(device, x), Buffer(device, dy), part, n, h, w, c, OH, OW, k, pad, perSlice);

        AssertSameBits(Read<float>(device, part, expected.Length), expected, "part");
    }

    /// <summary>Products added in the kernels' order: every 64 of them make a sum of their own, which joins the total.</summary>
    private static float Sum(int first, int end, Func<int, (float A, float B)> factors)
    {
        float total = 0;
        for (int block = first; block < end; block += 64)
        {
            float sum = 0;
            for (int i = block; i < Math.Min(end, block + 64); i++)
            {
                var (a, b) = factors(i);
                sum = MathF.FusedMultiplyAdd(a, b, sum);
            }

            total += sum;
        }

        return total;
    }

    private static int Tiles(int rows) => (rows + 63) / 64;

    /// <summary>Element q = (tap, channel) of the patch of x that makes pixel m of y; 0 beyond the border.</summary>
    private float Patch(float[] x, int m, int q)
    {
        int image = m / (OH * OW), iy = m / OW % OH + q / c / 3 - pad, ix = m % OW + q / c % 3 - pad;
        return iy >= 0 && iy < h && ix >= 0 && ix < w ? x[((image * h + iy) * w + ix) * c + q % c] : 0;
    }
}
