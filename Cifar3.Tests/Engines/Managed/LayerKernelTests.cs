using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The kernels that work element by element or pixel by pixel, against their formulas in double.</summary>
[TestFixtureSource(typeof(Widths), nameof(Widths.All))]
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
        Plane x = data.Plane(2, 13, 11, 32, 1), y = data.Plane(3, 13, 11, 32, 0);
        double* sums = data.Arena.Doubles("sums", 64), sumsOnly = data.Arena.Doubles("sums", 32);
        sums[0] = sumsOnly[0] = 1000;

        ChannelSums.RunWithProducts<V>(x, 1, y, 2, sums);
        ChannelSums.Run<V>(x, 1, sumsOnly);

        for (int c = 0; c < 32; c++)
        {
            double sum = c == 0 ? 1000 : 0, products = 0;
            for (int i = 0; i < 13 * 11; i++)
            {
                double value = x.At(1, i / 11, i % 11)[c];
                sum += value;
                products += value * y.At(2, i / 11, i % 11)[c];
            }

            Assert.That(sums[c], Is.EqualTo(sum).Within(1e-12));
            Assert.That(sumsOnly[c], Is.EqualTo(sum).Within(1e-12));
            Assert.That(sums[32 + c], Is.EqualTo(products).Within(1e-12));
        }
    }

    [Test]
    public void BatchNorm_RandomCoefficients_AreTheFormulas()
    {
        using var data = new KernelTestData(3);
        Plane y = data.Plane(2, 5, 7, 48, 0), dz = data.Plane(2, 5, 7, 48, 0), z = data.Plane(2, 5, 7, 48, 0), dy = data.Plane(1, 5, 7, 48, 1);
        float* scale = data.Floats(48), shift = data.Floats(48), mean = data.Floats(48), a = data.Floats(48), b = data.Floats(48), c = data.Floats(48);
        y.At(1, 2, 3)[4] = 0; // exactly 0: no gradient

        BatchNorm.Forward<V>(y, z, 1, scale, shift);
        BatchNorm.Backward<V>(y, dz, 1, dy, 0, mean, a, b, c);

        for (int i = 0; i < 5 * 7 * 48; i++)
        {
            int row = i / (7 * 48), column = i / 48 % 7, n = i % 48;
            double value = y.At(1, row, column)[n];
            double gradient = value > 0 ? a[n] * (double)dz.At(1, row, column)[n] + b[n] * (value - mean[n]) + c[n] : 0;
            Assert.That(z.At(1, row, column)[n], Is.EqualTo(value * scale[n] + shift[n]).Within(2e-7));
            Assert.That(dy.At(0, row, column)[n], Is.EqualTo(gradient).Within(5e-7));
        }
    }

    [Test]
    public void MaxPoolDropout_TiesZerosAndDroppedElements_RouteAsKeras()
    {
        using var data = new KernelTestData(4);
        const int channels = 32;
        const float scale = 1.25f;
        Plane y = data.Plane(2, 6, 10, channels, 0), p = data.Plane(3, 3, 5, channels, 1), dp = data.Plane(3, 3, 5, channels, 0), dy = data.Plane(2, 6, 10, channels, 2), inferred = data.Plane(3, 3, 5, channels, 1);
        byte* keep = data.Arena.Allocate("keep", 15 * channels), route = data.Arena.Allocate("route", 15 * channels);
        for (int i = 0; i < 6 * 10 * channels; i++)
        {
            y.At(1)[i] = Math.Max(0, MathF.Round(y.At(1)[i] * 3)); // ReLU, and whole numbers so that there are many ties
        }

        for (int i = 0; i < 15 * channels; i++)
        {
            keep[i] = (byte)data.Next(0, 1);
        }

        MaxPoolDropout.Infer<V>(y, 1, inferred, 2);
        MaxPoolDropout.Forward<V>(y, 1, p, 2, keep, scale, route);
        MaxPoolDropout.Backward<V>(dp, 2, route, scale, dy, 1);

        for (int n = 0; n < 15 * channels; n++)
        {
            int i = n / channels / 5, j = n / channels % 5, c = n % channels;
            float[] window = [.. Enumerable.Range(0, 4).Select(k => y.At(1, 2 * i + k / 2, 2 * j + k % 2)[c])];
            int first = Array.IndexOf(window, window.Max());
            bool flows = keep[n] == 1 && window[first] > 0;
            Assert.That(inferred.At(2, i, j)[c], Is.EqualTo(window[first]));
            Assert.That(p.At(2, i, j)[c], Is.EqualTo(keep[n] * scale * window[first]));
            Assert.That(
                Enumerable.Range(0, 4).Select(k => dy.At(1, 2 * i + k / 2, 2 * j + k % 2)[c]),
                Is.EqualTo(Enumerable.Range(0, 4).Select(k => flows && k == first ? dp.At(2, i, j)[c] * scale : 0)));
        }

        Assert.That((dy.At(1, -1, 0)[0], dy.At(1, 6, 10)[0]), Is.EqualTo((0f, 0f)), "border");
    }

    [Test]
    public void Adam_SeveralShards_IsKerasUpdate([Values(1, 3, 16)] int shards)
    {
        using var data = new KernelTestData(5);
        const int count = 48, first = 16;
        const long step = 7;
        float* gradients = data.Floats(shards * 80), w = data.Floats(count), m = data.Floats(count), v = data.Floats(count);
        for (int i = 0; i < count; i++)
        {
            v[i] = v[i] * v[i];
        }

        float[] oldW = new Span<float>(w, count).ToArray(), oldM = new Span<float>(m, count).ToArray(), oldV = new Span<float>(v, count).ToArray();

        Adam.Run<V>(gradients, 80, shards, first, count, w, m, v, Adam.StepSize(0.01f, step));

        double alpha = 0.01f * Math.Sqrt(1 - Math.Pow(0.999, step)) / (1 - Math.Pow(0.9, step));
        for (int i = 0; i < count; i++)
        {
            double g = Enumerable.Range(0, shards).Sum(shard => (double)gradients[shard * 80 + i]);
            double mean = 0.9 * oldM[i] + 0.1 * g, square = 0.999 * oldV[i] + 0.001 * g * g;
            bool touched = i >= first;
            Assert.That(m[i], Is.EqualTo(touched ? mean : oldM[i]).Within(1e-6));
            Assert.That(v[i], Is.EqualTo(touched ? square : oldV[i]).Within(1e-6));
            Assert.That(w[i], Is.EqualTo(touched ? oldW[i] - alpha * mean / (Math.Sqrt(square) + 1e-7) : oldW[i]).Within(1e-6));
        }
    }
}
