namespace Cifar3.Tests;

/// <summary>Initial kernels against Keras' formula, against its own initial weights, and as samples of a uniform distribution.</summary>
public sealed class GlorotUniformTests
{
    // √(6 / (fan_in + fan_out)) as Keras computes it: 9·Cin and 9·Cout for a convolution, In and Out for the dense layer
    [TestCase("conv2d/kernel", 0.13801311186847084)]   // 9·3, 9·32
    [TestCase("conv2d_1/kernel", 0.10206207261596577)] // 9·32, 9·32
    [TestCase("conv2d_2/kernel", 0.083333333333333329)]
    [TestCase("conv2d_3/kernel", 0.072168783648703216)]
    [TestCase("conv2d_4/kernel", 0.058925565098878960)]
    [TestCase("conv2d_5/kernel", 0.051031036307982884)]
    [TestCase("dense/kernel", 0.10793741444417318)]    // 512, 3
    public void Create_Kernel_StaysWithinKerasLimitAndFillsIt(string name, double limit)
    {
        var kernel = CnnModel.Create(["a", "b", "c"], seed: 1)[name];

        Assert.That(GlorotUniform.Limit(kernel.Shape), Is.EqualTo(limit).Within(1e-15));
        Assert.That(kernel.ToArray().Max(Math.Abs), Is.InRange(0.99 * limit, limit));
    }

    [Test]
    public void Create_AllKernels_AreUniform([Values(0, 1, 2)] int seed)
    {
        foreach (var kernel in Kernels(CnnModel.Create(["a", "b", "c"], seed)))
        {
            Assert.That(Distance(kernel), Is.LessThan(Critical(kernel.Count)), $"{kernel.Name}, seed {seed}");
        }
    }

    [Test]
    public void Create_NeighbouringValues_AreNotCorrelated()
    {
        foreach (var kernel in Kernels(CnnModel.Create(["a", "b", "c"], seed: 3)))
        {
            double[] u = Unit(kernel);
            double correlation = 12.0 / (u.Length - 1) * Enumerable.Range(1, u.Length - 1).Sum(i => (u[i] - 0.5) * (u[i - 1] - 0.5));
            Assert.That(Math.Abs(correlation), Is.LessThan(4 / Math.Sqrt(u.Length)), kernel.Name);
        }
    }

    /// <summary>The same test passes for what Keras itself drew, and fails for a wrong limit.</summary>
    [Test]
    public void Keras_InitialKernels_AreOfTheSameDistribution()
    {
        using var golden = GoldenFile.Open();

        foreach (var kernel in Kernels(golden.ModelOf("initial_weights")))
        {
            Assert.That(Distance(kernel), Is.LessThan(Critical(kernel.Count)), kernel.Name);
            Assert.That(kernel.ToArray().Max(Math.Abs), Is.InRange(0.98 * GlorotUniform.Limit(kernel.Shape), GlorotUniform.Limit(kernel.Shape) * (1 + 1e-6)), kernel.Name);
        }

        var wide = Kernels(golden.ModelOf("initial_weights"))[^2];
        Assert.That(Distance(new WeightTensor(wide.Name, wide.Shape, [.. wide.ToArray().Select(v => 1.05f * v)])), Is.GreaterThan(Critical(wide.Count)));
    }

    private static List<WeightTensor> Kernels(CnnModel model) => [.. model.Weights.Where(w => w.Name.EndsWith("kernel", StringComparison.Ordinal))];

    private static double[] Unit(WeightTensor kernel)
    {
        double limit = GlorotUniform.Limit(kernel.Shape);
        return [.. kernel.ToArray().Select(v => (v / limit + 1) / 2)];
    }

    /// <summary>Kolmogorov and Smirnov: the largest distance between the sample's distribution function and the uniform one.</summary>
    private static double Distance(WeightTensor kernel)
    {
        double[] sorted = [.. Unit(kernel).Order()];
        return sorted.Select((u, i) => Math.Max(Math.Abs(u - (double)i / sorted.Length), Math.Abs(u - (i + 1.0) / sorted.Length))).Max();
    }

    /// <summary>What the distance exceeds in one of a thousand uniform samples.</summary>
    private static double Critical(int count) => 1.95 / Math.Sqrt(count);
}
