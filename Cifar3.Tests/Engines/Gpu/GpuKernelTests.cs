using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The other kernels, each alone, against double precision or the same bits in C#.</summary>
[TestFixture(GpuHost.OpenCl)]
[TestFixture(GpuHost.Ptx)]
public sealed class GpuKernelTests(GpuHost host) : GpuTestBase(host)
{
    /// <summary>A naive Σy² − (Σy)² of the second case is all rounding: off by a factor of a million.</summary>
    [TestCase(0, 1)]
    [TestCase(1000, .01f)]
    public void Statistics_AnyMean_AreExactToTheLastBits(float mean, float spread)
    {
        const int rows = 1000, c = 5, tiles = (rows + GpuContext.TileRows - 1) / GpuContext.TileRows;
        float[] y = [.. RandomFloats(rows * c, 1, spread).Select(value => mean + value)];
        using var device = Open();
        var (part, norms) = (Buffer(device, new float[tiles * 3 * c]), Buffer(device, new float[3 * c]));

        device.Launch(device.Kernel("norm_tiles"), tiles, 1, 1, Buffer(device, y), part, rows, c, GpuContext.TileRows);
        device.Launch(device.Kernel("norm_statistics"), c, 1, 1, part, norms, 0, c, 2 * c, rows, c, GpuContext.TileRows, 1e-3f);

        float[] found = Read<float>(device, norms, 3 * c);
        for (int channel = 0; channel < c; channel++)
        {
            double[] values = [.. Enumerable.Range(0, rows).Select(m => (double)y[m * c + channel])];
            double average = values.Average(), variance = values.Average(value => (value - average) * (value - average));
            Assert.Multiple(() =>
            {
                Assert.That(found[channel], Is.EqualTo(average).Within(6e-8 * Math.Max(Math.Abs(average), spread)), "mean");
                Assert.That(found[c + channel], Is.EqualTo(variance).Within(4e-7 * variance), "variance");
                Assert.That(found[2 * c + channel], Is.EqualTo(1 / Math.Sqrt(variance + 1e-3)).Within(3e-7 / Math.Sqrt(variance + 1e-3)), "inverse deviation");
            });
        }
    }

    /// <summary>Large numbers that cancel: what float32 alone loses, the sums keep.</summary>
    [Test]
    public void Sums_NumbersThatCancel_KeepTheRest()
    {
        const int rows = 1003, k = 3;
        float[] g = RandomFloats(rows * k, 2, 1e4f);
        for (int m = 1; m < rows; m += 2)
            for (int column = 0; column < k; column++)
                g[m * k + column] = 1e-3f - g[(m - 1) * k + column];
        double[] expected = [.. Enumerable.Range(0, k).Select(column => Enumerable.Range(0, rows).Sum(m => (double)g[m * k + column]))];
        using var device = Open();
        var (to, rowsAsSlices) = (Buffer(device, new float[1 + k]), Buffer(device, new float[k]));

        device.Launch(device.Kernel("sum_columns"), k, 1, 1, Buffer(device, g), rows, k, to, 1);
        device.Launch(device.Kernel("sum_slices"), 1, 1, 1, Buffer(device, g), rows, k, rowsAsSlices, 0);

        Assert.That(Read<float>(device, to, 1 + k)[1..].Select(value => (double)value), Is.EqualTo(expected).Within(1e-5).Percent);
        Assert.That(Read<float>(device, rowsAsSlices, k).Select(value => (double)value), Is.EqualTo(expected).Within(1e-5).Percent);
    }

    [TestCase(7, 3L, 0, .5)]
    [TestCase(988, 3L, 0, .5)] // element 32 draws the threshold itself, and is kept
    [TestCase(-1, (1L << 32) + 5, 2, .25)]
    public void Pooling_WithDropout_DrawsTheMasksOfAllEngines(int seed, long step, int layer, double rate)
    {
        const int n = 3, h = 5, w = 4, c = 7, elements = n * 2 * 2 * c;
        float[] y = [.. RandomFloats(n * h * w * c, 3).Select(value => value + 2)]; // above 0, so that only the mask makes zeros
        var keep = new byte[elements];
        DropoutMask.Fill(seed, step, layer, rate, 0, keep);
        float scale = (float)(1 / (1 - rate));
        using var device = Open();
        var (p, routes, dy) = (Buffer(device, new float[elements]), Buffer(device, new byte[elements]), Buffer(device, new float[y.Length]));

        device.Launch(device.Kernel("pool_forward"), Groups(elements), 1, 1, Buffer(device, y), p, routes, n, h, w, c, seed, (int)step, (int)(step >> 32), layer, DropoutMask.Threshold(rate), scale);
        device.Launch(device.Kernel("pool_backward"), Groups(y.Length), 1, 1, p, routes, dy, n, h, w, c, scale);

        float[] pooled = new float[elements], gradient = new float[y.Length];
        for (int e = 0; e < elements; e++)
        {
            int channel = e % c, px = e / c % 2, py = e / (2 * c) % 2, image = e / (4 * c);
            int[] window = [.. Enumerable.Range(0, 4).Select(i => ((image * h + 2 * py + i / 2) * w + 2 * px + i % 2) * c + channel)];
            int largest = window.MaxBy(at => y[at]);
            pooled[e] = keep[e] * y[largest] * scale;
            gradient[largest] = pooled[e] * scale;
        }

        AssertSameBits(Read<float>(device, p, elements), pooled, "p");
        AssertSameBits(Read<float>(device, dy, y.Length), gradient, "dy");
        Assert.That(keep, Has.Some.EqualTo(0).And.Some.EqualTo(1));
    }

    /// <summary>The first of equals gets the gradient, and nothing passes where all are zero: the ReLU in front held them.</summary>
    [Test]
    public void Pooling_Ties_TakeTheFirstAndZerosTakeNothing()
    {
        using var device = Open();
        var (p, routes, dy) = (Buffer(device, new float[2]), Buffer(device, new byte[2]), Buffer(device, new float[8]));
        var y = Buffer(device, 1f, 2, 0, 0, 2, 2, 0, 0); // [1, 2, 4, 1]: windows (1 2; 2 2) and (0 0; 0 0)

        device.Launch(device.Kernel("pool_forward"), 1, 1, 1, y, p, routes, 1, 2, 4, 1, 0, 0, 0, 0, 0, 1f);
        device.Launch(device.Kernel("pool_backward"), 1, 1, 1, Buffer(device, 5f, 7f), routes, dy, 1, 2, 4, 1, 1f);

        Assert.That(Read<float>(device, p, 2), Is.EqualTo(new float[] { 2, 0 }));
        Assert.That(Read<float>(device, dy, 8), Is.EqualTo(new float[] { 0, 5, 0, 0, 0, 0, 0, 0 }));
    }

    /// <summary>NaN is not above anything: whatever its place in the window, it must show in the loss.</summary>
    [Test]
    public void Pooling_NaNAnywhereInAWindow_IsItsLargest()
    {
        const float none = float.NaN;
        using var device = Open();
        var (p, routes) = (Buffer(device, new float[4]), Buffer(device, new byte[4]));
        var y = Buffer(device, none, 2, 1, none, 1, 2, 1, 2, 1, 2, 1, 2, none, 2, 1, none); // [1, 2, 8, 1]: four windows, NaN in each at another place

        device.Launch(device.Kernel("pool_forward"), 1, 1, 1, y, p, routes, 1, 2, 8, 1, 0, 0, 0, 0, 0, 1f);

        Assert.That(Read<float>(device, p, 4), Has.All.NaN);
    }

    [Test]
    public void Pixels_All256_AreDividedAsADivisionRounds()
    {
        using var device = Open();
        byte[] pixels = [.. Enumerable.Range(0, 256).Select(value => (byte)value)];
        var x = Buffer(device, new float[256]);

        device.Launch(device.Kernel("pixels_to_floats"), 4, 1, 1, Buffer(device, pixels), x, 256);

        AssertSameBits(Read<float>(device, x, 256), [.. pixels.Select(value => value / 255f)], "x");
    }

    /// <summary>
    /// Images that are nearly certain, rightly and wrongly: p − t, as it is written, is 0 or all rounding in float32; so would the loss be. Targets too: one
    /// class of weight 2, and smoothed labels.
    /// </summary>
    [TestCase(18f, 1, 3)]
    [TestCase(30f, -2, 0)]
    [TestCase(1e-3f, 0, 25)]
    public void Softmax_NearlyCertain_KeepsWhatIsLeft(float a, float b, float c)
    {
        float[] logits = [a, b, c];
        foreach (float[] target in new float[][] { [1, 0, 0], [0, 1, 0], [0, 0, 2], [.9375f, .03125f, .03125f] })
        {
            using var device = Open();
            var (results, gradients) = (Buffer(device, new float[4]), Buffer(device, new float[3]));
            bool isLabel = target.Sum() == 1 && target.Max() == 1;
            device.Launch(device.Kernel("softmax_loss"), 1, 1, 1, Buffer(device, logits), Buffer(device, Array.IndexOf(target, 1f)), Buffer(device, target), isLabel ? 0 : 1, results, gradients, 1, 3);

            double[] e = [.. logits.Select(logit => Math.Exp((double)logit - logits.Max()))];
            float[] found = Read<float>(device, results, 4), gradient = Read<float>(device, gradients, 3);
            double sum = e.Sum(), rest = e.Order().SkipLast(1).Sum(), logSum = rest < 1e-6 ? rest - rest * rest / 2 : Math.Log(sum), loss = 0;
            for (int k = 0; k < 3; k++)
            {
                double up = e[k] * (target.Sum(t => (double)t) - target[k]) / sum, down = target[k] * e.Where((_, j) => j != k).Sum() / sum;
                Assert.That(gradient[k], Is.EqualTo(up - down).Within(1e-6 * (Math.Abs(up - down) + Math.Min(up, down))), $"gradient {k} for {string.Join(' ', target)}");
                loss += target[k] * (logSum + ((double)logits.Max() - logits[k]));
            }

            Assert.That(found[0], Is.EqualTo(loss).Within(2e-6 * loss), $"loss for {string.Join(' ', target)}");
        }
    }

    /// <summary>Logits from certain to hopeless: exp and log are written out in the kernels' text.</summary>
    [TestCase(2, .01f)]
    [TestCase(10, 5)]
    [TestCase(100, 60)]
    public void Softmax_AnyLogits_IsDoublePrecisions(int classes, float scale)
    {
        const int n = 9;
        float[] logits = RandomFloats(n * classes, 5, scale), targets = [.. RandomFloats(n * classes, 6).Select(Math.Abs)];
        int[] labels = EngineTestData.RandomLabels(n, classes, 7);
        using var device = Open();
        foreach (bool hasTargets in new[] { false, true })
        {
            var (results, gradients) = (Buffer(device, new float[n * (1 + classes)]), Buffer(device, new float[n * classes]));
            device.Launch(device.Kernel("softmax_loss"), 1, 1, 1, Buffer(device, logits), Buffer(device, labels), Buffer(device, targets), hasTargets ? 1 : 0, results, gradients, n, classes);

            float[] found = Read<float>(device, results, n * (1 + classes)), gradient = Read<float>(device, gradients, n * classes);
            for (int image = 0; image < n; image++)
            {
                double[] x = [.. logits.Skip(image * classes).Take(classes).Select(value => (double)value)];
                double[] t = [.. Enumerable.Range(0, classes).Select(k => hasTargets ? (double)targets[image * classes + k] : k == labels[image] ? 1 : 0)];
                double sum = Math.Log(x.Sum(value => Math.Exp(value - x.Max()))) + x.Max(), loss = t.Zip(x, (a, b) => a * (sum - b)).Sum();
                Assert.That(found[image], Is.EqualTo(loss).Within(2e-6 * loss + 2e-7 * scale), "loss");
                for (int k = 0; k < classes; k++)
                {
                    double p = Math.Exp(x[k] - sum);
                    Assert.That(found[n + image * classes + k], Is.EqualTo(p).Within(4e-6 * p + 1e-30), "p");
                    Assert.That(gradient[image * classes + k], Is.EqualTo((p * t.Sum() - t[k]) / n).Within(4e-6 * (Math.Abs(p * t.Sum() - t[k]) + p * t[k]) / n + 1e-30), "gradient");
                }
            }
        }
    }
}
