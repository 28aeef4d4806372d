using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>BatchNorm folded into the valid convolution behind it, against BatchNorm and convolution apart, in double.</summary>
[Category(TestCategories.Numerics)]
public unsafe class BatchNormFoldTests
{
    private const double Epsilon = 1e-3;

    [Test]
    public void Folded_V128_MatchesLayersApart() => Check<V128>();

    [Test]
    public void Folded_V256_MatchesLayersApart()
    {
        Assume.That(V256.IsSupported, "This processor has no AVX2.");
        Check<V256>();
    }

    [Test]
    public void Folded_V512_MatchesLayersApart()
    {
        Assume.That(V512.IsSupported, "This processor has no AVX-512.");
        Check<V512>();
    }

    // y [4,15,15,32] → BatchNorm → valid convolution of which only 12×12 outputs are computed: the last row and column of y go unread.
    private static void Check<V>()
        where V : struct, ISimd<V>
    {
        const int side = 15, inputs = 32, outputs = 48, computed = 12;
        var problem = new WinogradProblem(4, side, side, inputs, outputs, 0, computed, computed, 7);
        problem.X = [.. problem.X.Select((value, i) => Math.Max(0, value + 0.3f * (i % 3)))];
        float[] y = problem.X;
        var random = new PhiloxRandom(8, RandomStreams.Examples);
        float[] gamma = [.. Enumerable.Range(0, inputs).Select(_ => 0.5f + random.NextSingle())];
        float[] beta = [.. Enumerable.Range(0, inputs).Select(_ => random.NextSingle() - 0.5f)];
        long count = y.Length / inputs;
        double[] mean = new double[inputs], deviation = new double[inputs];
        for (int c = 0; c < inputs; c++)
        {
            double sum = 0, squares = 0;
            for (int i = c; i < y.Length; i += inputs)
            {
                sum += y[i];
                squares += (double)y[i] * y[i];
            }

            mean[c] = sum / count;
            deviation[c] = Math.Sqrt(squares / count - mean[c] * mean[c] + Epsilon);
        }

        using var runner = new WinogradRunner<V, WinogradF6>(problem, 8);
        float* scale = runner.Floats(inputs), shift = runner.Floats(inputs);
        for (int c = 0; c < inputs; c++)
        {
            scale[c] = (float)(gamma[c] / deviation[c]);
            shift[c] = (float)(beta[c] - mean[c] * gamma[c] / deviation[c]);
        }

        // The kernels: folded forward, backward with the scaled kernel, raw gradient, then everything of BatchNorm from the weights.
        float* plain = runner.Copy(problem.G), shifted = runner.Floats(outputs);
        double* sums = stackalloc double[2 * outputs];
        BatchNormFold.Forward<V>(plain, runner.Bias, scale, shift, inputs, outputs, 0, outputs, runner.G, shifted, sums);
        runner.Forward(new PlainSink(runner.Y, shifted, float.NegativeInfinity));
        var z = runner.Read(runner.Y, computed, computed);
        runner.Fill(runner.Y, problem.Dy, computed, computed);
        runner.Backward(new PlainSource(runner.Y));
        float* dGamma = runner.Floats(inputs), dBeta = runner.Floats(inputs), b = runner.Floats(inputs), shiftBack = runner.Floats(inputs);
        float* db = runner.Floats(outputs);
        for (int c = 0; c < outputs; c++)
        {
            db[c] = (float)runner.Db[c];
        }

        fixed (double* m = mean, d = deviation)
        {
            var norm = new NormStatistics { Mean = m, Deviation = d, Scale = scale, Shift = shift };
            BatchNormFold.Backward<V>(plain, runner.Dg, runner.Db, db, count, in norm, inputs, outputs, 0, inputs, dGamma, dBeta, b, shiftBack, sums);
        }

        var dy = runner.Read(runner.Dx, side, side);
        for (int i = 0; i < dy.Length; i++)
        {
            dy[i] += b[i % inputs] * y[i] + shiftBack[i % inputs];
        }

        // The layers apart, in double but for ŷ, which the reference convolution takes as floats.
        problem.X = [.. y.Select((value, i) => (float)(gamma[i % inputs] * (value - mean[i % inputs]) / deviation[i % inputs] + beta[i % inputs]))];
        var expected = problem.Forward();
        var (dNormalized, dg, _) = problem.Backward();
        double[] expectedGamma = new double[inputs], expectedBeta = new double[inputs];
        for (int i = 0; i < y.Length; i++)
        {
            int c = i % inputs;
            expectedBeta[c] += dNormalized[i];
            expectedGamma[c] += dNormalized[i] * (y[i] - mean[c]) / deviation[c];
        }

        double[] expectedDy = [.. dNormalized.Select((value, i) =>
        {
            int c = i % inputs;
            return gamma[c] / deviation[c] * (value - expectedBeta[c] / count - (y[i] - mean[c]) / deviation[c] * expectedGamma[c] / count);
        })];
        Assert.Multiple(() =>
        {
            Assert.That(WinogradProblem.Error(expected, z), Is.LessThan(5e-6), "z");
            Assert.That(WinogradProblem.Error(dg, new ReadOnlySpan<float>(runner.Dg, dg.Length)), Is.LessThan(2e-5), "dg");
            Assert.That(WinogradProblem.Error(expectedBeta, new ReadOnlySpan<float>(dBeta, inputs)), Is.LessThan(2e-6), "dβ");
            Assert.That(WinogradProblem.Error(expectedGamma, new ReadOnlySpan<float>(dGamma, inputs)), Is.LessThan(2e-5), "dγ");
            Assert.That(WinogradProblem.Error(expectedDy, dy), Is.LessThan(2e-5), "dy");
        });
    }
}
