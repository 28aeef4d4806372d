using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>What is fused into the output and gradient transforms: statistics, pooling with dropout, un-pooling, BatchNorm's backward pass.</summary>
[Category(TestCategories.Numerics)]
public unsafe class WinogradHookTests
{
    private const double ForwardLimit = 5e-6, GradientLimit = 2e-5;

    private static IEnumerable<string> Levels() => SimdLevels.Available.Select(level => $"{level}");

    [TestCaseSource(nameof(Levels))]
    public void ReluStatistics_EdgeTiles_SumsExactToFloat32(string level)
    {
        switch (Enum.Parse<SimdLevel>(level))
        {
            case SimdLevel.V512: CheckStatistics<V512>(); break;
            case SimdLevel.V256: CheckStatistics<V256>(); break;
            default: CheckStatistics<V128>(); break;
        }
    }

    [TestCaseSource(nameof(Levels))]
    public void ReluPool_AndUnpool_MatchPlainLoops(string level)
    {
        switch (Enum.Parse<SimdLevel>(level))
        {
            case SimdLevel.V512: CheckPooling<V512, WinogradF6>(12, 20); CheckPooling<V512, WinogradF4>(4, 3); break;
            case SimdLevel.V256: CheckPooling<V256, WinogradF6>(12, 20); CheckPooling<V256, WinogradF4>(4, 3); break;
            default: CheckPooling<V128, WinogradF6>(12, 20); CheckPooling<V128, WinogradF4>(4, 3); break;
        }
    }

    [TestCaseSource(nameof(Levels))]
    public void BatchNormReluSource_AnyGradient_MatchesFormula(string level)
    {
        switch (Enum.Parse<SimdLevel>(level))
        {
            case SimdLevel.V512: CheckSource<V512>(); break;
            case SimdLevel.V256: CheckSource<V256>(); break;
            default: CheckSource<V128>(); break;
        }
    }

    private static void CheckStatistics<V>()
        where V : struct, ISimd<V>
    {
        var problem = new WinogradProblem(3, 15, 15, 32, 64, 1, 15, 15, 4);
        using var runner = new WinogradRunner<V, WinogradF4>(problem, 13);
        runner.Forward(new ReluStatisticsSink(runner.Y, runner.Bias, runner.Sums));
        var y = runner.Read(runner.Y, 15, 15);
        double[] expected = [.. problem.Forward().Select(value => Math.Max(0, value))], sums = new double[128];
        for (int i = 0; i < y.Length; i++)
        {
            sums[i % 64] += y[i];
            sums[64 + i % 64] += (double)y[i] * y[i];
        }

        Assert.That(WinogradProblem.Error(expected, y), Is.LessThan(ForwardLimit));
        for (int c = 0; c < 128; c++)
        {
            Assert.That(runner.Sums[c], Is.EqualTo(sums[c]).Within(1e-7 * sums[c]), $"sum {c}");
        }
    }

    private static void CheckPooling<V, TTile>(int side, int capacity)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        const float scale = 2;
        int half = side / 2, images = 3, channels = 48, input = side + 2;
        var problem = new WinogradProblem(images, input, input, 32, channels, 0, side, side, 5);
        using var runner = new WinogradRunner<V, TTile>(problem, capacity);
        var random = new PhiloxRandom(1, RandomStreams.Examples);
        byte[] keep = [.. Enumerable.Range(0, images * half * half * channels).Select(_ => (byte)random.Next(2))];
        byte* routes = runner.Bytes(keep); // one buffer for both: the mask becomes the routes
        var pooled = runner.NewPlane(half, half);
        runner.Forward(new ReluPoolSink(pooled, runner.Bias, half, half, routes, scale, routes));
        var actual = runner.Read(pooled, half, half);
        runner.Forward(new ReluPoolSink(pooled, runner.Bias, half, half, null, 1, null));
        var inference = runner.Read(pooled, half, half);

        double[] y = problem.Forward(), training = new double[keep.Length], plain = new double[keep.Length];
        var dp = new float[keep.Length];
        problem.Dy = new float[y.Length];
        int ties = 0;
        for (int e = 0; e < keep.Length; e++)
        {
            int c = e % channels, column = e / channels % half, row = e / channels / half % half, image = e / channels / half / half;
            int[] window = [.. Enumerable.Range(0, 4).Select(k => ((image * side + 2 * row + k / 2) * side + 2 * column + k % 2) * channels + c)];
            double[] values = [.. window.Select(o => y[o])], sorted = [.. values.OrderDescending()];
            plain[e] = Math.Max(0, sorted[0]);
            training[e] = keep[e] * scale * plain[e];
            bool open = keep[e] > 0 && sorted[0] > 0;
            if (sorted[0] - sorted[1] < 1e-4 || Math.Abs(sorted[0]) < 1e-4)
            {
                ties++;
                routes[e] = 4; // either route is right: leave the element out of what follows
                continue;
            }

            Assert.That(routes[e], Is.EqualTo(open ? Array.IndexOf(values, sorted[0]) : 4), $"route {e}");
            dp[e] = 2 * random.NextSingle() - 1;
            if (open)
            {
                problem.Dy[window[routes[e]]] = scale * dp[e];
            }
        }

        Assert.That(WinogradProblem.Error(training, actual), Is.LessThan(ForwardLimit));
        Assert.That(WinogradProblem.Error(plain, inference), Is.LessThan(ForwardLimit));
        Assert.That(ties, Is.LessThan(keep.Length / 100));

        runner.Fill(pooled, dp, half, half);
        runner.Backward(new UnpoolSource(pooled, half, half, routes, scale));
        var (dx, dg, _) = problem.Backward();
        Assert.That(WinogradProblem.Error(dx, runner.Read(runner.Dx, input, input)), Is.LessThan(GradientLimit));
        Assert.That(WinogradProblem.Error(dg, new ReadOnlySpan<float>(runner.Dg, dg.Length)), Is.LessThan(GradientLimit));
    }

    private static void CheckSource<V>()
        where V : struct, ISimd<V>
    {
        var problem = new WinogradProblem(2, 15, 15, 16, 32, 1, 15, 15, 6);
        using var runner = new WinogradRunner<V, WinogradF4>(problem, 16);
        float[] y = [.. problem.Forward().Select(value => (float)Math.Max(0, value))];
        float[] b = [.. problem.Bias.Select(value => 3 * value)], c = [.. problem.Bias.Reverse()], dz = problem.Dy;
        var gradient = runner.NewPlane(15, 15);
        runner.Fill(runner.Y, y, 15, 15);
        runner.Fill(gradient, dz, 15, 15);
        problem.Dy = [.. dz.Select((value, i) => y[i] > 0 ? value + b[i % 32] * y[i] + c[i % 32] : 0)];
        runner.Backward(new BatchNormReluSource(gradient, runner.Y, runner.Copy(b), runner.Copy(c)));
        var (dx, dg, _) = problem.Backward();
        Assert.That(WinogradProblem.Error(dx, runner.Read(runner.Dx, 15, 15)), Is.LessThan(GradientLimit));
        Assert.That(WinogradProblem.Error(dg, new ReadOnlySpan<float>(runner.Dg, dg.Length)), Is.LessThan(GradientLimit));
    }
}
