using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The kernels that work element by element or pixel by pixel, against their formulas in double.</summary>
[TestFixtureSource(typeof(Widths), nameof(Widths.All))]
[Category(TestCategories.Numerics)]
internal sealed unsafe class LayerKernelTests<V>
    where V : struct, ISimd<V>
{
    [Test]
    public void PixelsToFloat_AllValues_AreDividedBy255()
    {
        using var data = new KernelTestData(1);
        byte* pixels = data.Arena.Allocate("pixels", CnnArchitecture.ImageBytes);
        for (int i = 0; i < CnnArchitecture.ImageBytes; i++)
        {
            pixels[i] = (byte)i;
        }

        var x = new Plane(data.Arena, "x", 2, 32, 32, 3, 1);
        PixelsToFloat.Run<V>(pixels, x, 1);

        bool all = true;
        for (int i = 0; i < CnnArchitecture.ImageBytes; i++)
        {
            all &= x.At(1, i / 96)[i % 96] == (byte)i / 255f;
        }

        Assert.That(all);
        Assert.That((x.At(1, -1, -1)[0], x.At(1, 5, 32)[0], x.At(1, 32, 3)[0], x.At(0, 0)[0]), Is.EqualTo((0f, 0f, 0f, 0f)), "border, other image");
    }

    [Test]
    public void ChannelSums_ManyPixels_AreExactAndAccumulate()
    {
        using var data = new KernelTestData(2);
        Plane x = data.Plane(2, 13, 11, 32, 1);
        double* sums = data.Arena.Doubles("sums", 64), sumsOnly = data.Arena.Doubles("sums", 32);
        sums[0] = sumsOnly[0] = 1000;

        ChannelSums.RunWithSquares<V>(x, 1, sums);
        ChannelSums.Run<V>(x, 1, sumsOnly);

        for (int c = 0; c < 32; c++)
        {
            double sum = c == 0 ? 1000 : 0, squares = 0;
            for (int i = 0; i < 13 * 11; i++)
            {
                double value = x.At(1, i / 11, i % 11)[c];
                sum += value;
                squares += value * value;
            }

            Assert.That(sums[c], Is.EqualTo(sum).Within(1e-5));
            Assert.That(sumsOnly[c], Is.EqualTo(sums[c]));
            Assert.That(sums[32 + c], Is.EqualTo(squares).Within(1e-5));
        }
    }

    [Test]
    public void BatchNormRelu_RandomCoefficients_IsTheFormula()
    {
        using var data = new KernelTestData(3);
        Plane y = data.Plane(2, 5, 7, 48, 0), dz = data.Plane(2, 5, 7, 48, 0), dy = data.Plane(1, 5, 7, 48, 1);
        float* b = data.Floats(48), c = data.Floats(48);
        y.At(1, 2, 3)[4] = 0; // exactly 0: no gradient

        BatchNormFold.ReluBackward<V>(y, dz, 1, dy, 0, b, c);

        for (int i = 0; i < 5 * 7 * 48; i++)
        {
            int row = i / (7 * 48), column = i / 48 % 7, n = i % 48;
            double value = y.At(1, row, column)[n];
            double gradient = value > 0 ? (double)dz.At(1, row, column)[n] + b[n] * value + c[n] : 0;
            Assert.That(dy.At(0, row, column)[n], Is.EqualTo(gradient).Within(5e-7));
        }
    }

    [TestCase(1f)]
    [TestCase(.97f)]
    public void Adam_PartOfTheWeights_IsKerasUpdate(float keep)
    {
        using var data = new KernelTestData(5);
        const int count = 48, first = 16;
        const long step = 7;
        float* gradients = data.Floats(count), w = data.Floats(count), m = data.Floats(count), v = data.Floats(count);
        for (int i = 0; i < count; i++)
        {
            v[i] = v[i] * v[i];
        }

        float[] oldW = new Span<float>(w, count).ToArray(), oldM = new Span<float>(m, count).ToArray(), oldV = new Span<float>(v, count).ToArray();

        Adam.Run<V>(gradients, first, count, w, m, v, AdamOptimizer.StepSize(0.01f, step), keep);

        double alpha = 0.01f * Math.Sqrt(1 - Math.Pow(0.999, step)) / (1 - Math.Pow(0.9, step));
        for (int i = 0; i < count; i++)
        {
            double g = gradients[i];
            double mean = 0.9 * oldM[i] + 0.1 * g, square = 0.999 * oldV[i] + 0.001 * g * g;
            bool touched = i >= first;
            Assert.That(m[i], Is.EqualTo(touched ? mean : oldM[i]).Within(1e-6));
            Assert.That(v[i], Is.EqualTo(touched ? square : oldV[i]).Within(1e-6));
            Assert.That(w[i], Is.EqualTo(touched ? keep * oldW[i] - alpha * mean / (Math.Sqrt(square) + 1e-7) : oldW[i]).Within(1e-6));
        }
    }
}
