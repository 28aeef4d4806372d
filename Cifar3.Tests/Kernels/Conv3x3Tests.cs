using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The three passes of the 3×3 convolution against plain loops in double, on random shapes.</summary>
[TestFixtureSource(typeof(Widths), nameof(Widths.All))]
[Category(TestCategories.Numerics)]
internal sealed unsafe class Conv3x3Tests<V>
    where V : struct, ISimd<V>
{
    private const double Tolerance = 5e-7; // of the sum of the products' sizes

    [Test]
    public void Forward_AnyShape_IsTheConvolutionWithReLU([Range(0, 11)] int seed, [Values(0, 1)] int offset)
    {
        using var data = new KernelTestData(seed);
        Random(data, offset, xBorder: offset, yBorder: data.Next(0, 1), out var x, out var y, out float* kernel);
        float* bias = data.Floats(y.Channels), packed = data.Floats(9 * x.Channels * y.Channels);

        DirectGemm.Pack(kernel, 9 * x.Channels, y.Channels, DirectGemm.PanelWidth<V>(), packed);
        Conv3x3.Forward<V>(x, 1, y, 0, offset, packed, bias);

        double worst = Worst(y, (i, j, co) =>
        {
            double sum = bias[co], size = 1;
            for (int tap = 0; tap < 9; tap++)
                for (int ci = 0; ci < x.Channels; ci++)
                    Add(ref sum, ref size, x.At(1, i + tap / 3 - offset, j + tap % 3 - offset)[ci], Weight(kernel, x, y, tap, ci, co));
            return (y.At(0, i, j)[co] - Math.Max(0, sum)) / size;
        });

        Assert.That(worst, Is.LessThan(Tolerance));
    }

    [Test]
    public void BackwardWeights_AnyShape_IsTheSumOverPixels([Range(0, 11)] int seed, [Values(0, 1)] int offset, [Values] bool add)
    {
        using var data = new KernelTestData(seed);
        Random(data, offset, xBorder: offset, yBorder: data.Next(0, 2), out var x, out var dy, out float* dw);
        float* zeros = data.Arena.Floats("zeros", DirectGemm.PanelWidth<V>());
        double[] before = new double[9 * x.Channels * dy.Channels];
        for (int i = 0; i < before.Length; i++)
        {
            before[i] = add ? dw[i] : 0;
        }

        Conv3x3.BackwardWeights<V>(x, 1, dy, 2, offset, dw, add, zeros);

        double worst = 0;
        for (int n = 0; n < before.Length; n++)
        {
            int co = n % dy.Channels, ci = n / dy.Channels % x.Channels, tap = n / dy.Channels / x.Channels;
            double sum = before[n], size = 1;
            for (int image = 0; image < 2; image++)
                for (int i = 0; i < dy.Height; i++)
                    for (int j = 0; j < dy.Width; j++)
                        Add(ref sum, ref size, x.At(1 + image, i + tap / 3 - offset, j + tap % 3 - offset)[ci], dy.At(image, i, j)[co]);
            worst = EngineComparison.Worse(worst, Math.Abs(dw[n] - sum) / size);
        }

        Assert.That(worst, Is.LessThan(Tolerance));
    }

    /// <summary>Input of 3 images, output of 2, and a kernel. A "valid" output may be a row or column smaller than it could be.</summary>
    private static void Random(KernelTestData data, int offset, int xBorder, int yBorder, out Plane x, out Plane y, out float* kernel)
    {
        int height = data.Next(4, 9), width = data.Next(4, 12), shrink = 2 - 2 * offset;
        int inputs = data.Next(0, 2) == 0 ? 3 : 16 * data.Next(1, 3), outputs = 16 * data.Next(1, 3);
        int rows = height - shrink - (offset == 0 ? data.Next(0, 1) : 0), columns = width - shrink - (offset == 0 ? data.Next(0, 1) : 0);
        x = data.Plane(3, height, width, inputs, xBorder);
        y = data.Plane(2, rows, columns, outputs, yBorder);
        kernel = data.Floats(9 * inputs * outputs);
    }

    private static float Weight(float* kernel, in Plane x, in Plane y, int tap, int ci, int co) => kernel[(tap * x.Channels + ci) * y.Channels + co];

    private static void Add(ref double sum, ref double size, double a, double b)
    {
        sum += a * b;
        size += Math.Abs(a * b);
    }

    private static double Worst(in Plane plane, Func<int, int, int, double> error)
    {
        double worst = 0;
        for (int row = 0; row < plane.Height; row++)
            for (int column = 0; column < plane.Width; column++)
                for (int channel = 0; channel < plane.Channels; channel++)
                    worst = EngineComparison.Worse(worst, Math.Abs(error(row, column, channel)));
        return worst;
    }
}
