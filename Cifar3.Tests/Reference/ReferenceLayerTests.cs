namespace Cifar3.Tests;

/// <summary>Every layer of the oracle against its own formula by finite differences: L = Σ r·forward(x), r random, so dL/dy = r.</summary>
public sealed class ReferenceLayerTests
{
    private const double Ceiling = 1e-7;

    [TestCase(2, 5, 4, 3, 4, 1)]
    [TestCase(2, 5, 6, 3, 4, 0)]
    [TestCase(1, 3, 3, 1, 2, 0)]
    [TestCase(3, 1, 2, 2, 1, 1)] // smaller than the kernel
    public void Conv2D_Backward_IsTheSlopeOfForward(int B, int H, int W, int Cin, int Cout, int pad)
    {
        var shape = new ConvShape(B, H, W, Cin, Cout, pad);
        double[] x = GradientCheck.Random(shape.InputCount, 1), kernel = GradientCheck.Random(9 * Cin * Cout, 2), bias = GradientCheck.Random(Cout, 3);
        double[] r = GradientCheck.Random(shape.OutputCount, 4), z = new double[r.Length];
        double[] dx = new double[x.Length], dkernel = new double[kernel.Length], dbias = new double[Cout];

        ReferenceConv2D.Backward(r, x, kernel, shape, dx, dkernel, dbias);

        Assert.Multiple(() =>
        {
            Assert.That(GradientCheck.WorstError(Loss, x, dx), Is.LessThan(Ceiling), "dx");
            Assert.That(GradientCheck.WorstError(Loss, kernel, dkernel), Is.LessThan(Ceiling), "dkernel");
            Assert.That(GradientCheck.WorstError(Loss, bias, dbias), Is.LessThan(Ceiling), "dbias");
        });

        double Loss()
        {
            ReferenceConv2D.Forward(x, kernel, bias, shape, z);
            return GradientCheck.Dot(z, r);
        }
    }

    [Test]
    public void Conv2D_ForwardByHand_IsTheSumOverTheWindow()
    {
        // x = 1…9 in a 3×3 image of one channel; the kernel picks the upper left (1), the centre (10) and the right (100) neighbour.
        double[] x = [1, 2, 3, 4, 5, 6, 7, 8, 9], kernel = [1, 0, 0, 0, 10, 100, 0, 0, 0], same = new double[9], valid = new double[1];

        ReferenceConv2D.Forward(x, kernel, [.5], new ConvShape(1, 3, 3, 1, 1, 1), same);
        ReferenceConv2D.Forward(x, kernel, [.5], new ConvShape(1, 3, 3, 1, 1, 0), valid);

        Assert.That(same, Is.EqualTo(new[] { 210.5, 320.5, 30.5, 540.5, 651.5, 62.5, 870.5, 984.5, 95.5 }));
        Assert.That(valid, Is.EqualTo(new[] { 651.5 }));
    }

    [Test]
    public void BatchNormalization_BackwardInTraining_IsTheSlopeThroughTheBatchStatistics()
    {
        const int C = 3;
        double[] x = GradientCheck.Random(2 * 3 * 2 * C, 1), gamma = GradientCheck.Random(C, 2), beta = GradientCheck.Random(C, 3);
        double[] r = GradientCheck.Random(x.Length, 4), y = new double[x.Length], mean = new double[C], variance = new double[C];
        double[] dx = new double[x.Length], dgamma = new double[C], dbeta = new double[C];

        ReferenceBatchNormalization.Statistics(x, C, mean, variance);
        ReferenceBatchNormalization.Backward(r, x, gamma, [.. mean], [.. variance], dx, dgamma, dbeta);

        Assert.Multiple(() =>
        {
            Assert.That(GradientCheck.WorstError(Loss, x, dx), Is.LessThan(Ceiling), "dx");
            Assert.That(GradientCheck.WorstError(Loss, gamma, dgamma), Is.LessThan(Ceiling), "dgamma");
            Assert.That(GradientCheck.WorstError(Loss, beta, dbeta), Is.LessThan(Ceiling), "dbeta");
        });

        double Loss()
        {
            ReferenceBatchNormalization.Statistics(x, C, mean, variance);
            ReferenceBatchNormalization.Forward(x, gamma, beta, mean, variance, y);
            return GradientCheck.Dot(y, r);
        }
    }

    [Test]
    public void BatchNormalization_ForwardByHand_NormalizesByBiasedVarianceAndUpdatesMoving()
    {
        double[] x = [1, 3], mean = [0], variance = [0], y = [0, 0], moving = [10];

        ReferenceBatchNormalization.Statistics(x, 1, mean, variance);
        ReferenceBatchNormalization.Forward(x, [2], [5], mean, variance, y);
        ReferenceBatchNormalization.UpdateMoving(moving, variance, momentum: .99);

        Assert.That((mean[0], variance[0]), Is.EqualTo((2.0, 1.0))); // ÷2, not ÷1
        Assert.That(y[1], Is.EqualTo(2 / Math.Sqrt(1.001) + 5).Within(1e-15));
        Assert.That(moving[0], Is.EqualTo(.99 * 10 + .01 * 1).Within(1e-12));
    }

    [TestCase(4, 6)]
    [TestCase(5, 3)] // the last row and column are left out
    public void MaxPooling2D_Backward_IsTheSlopeOfForward(int H, int W)
    {
        const int B = 2, C = 3;
        double[] x = [.. Enumerable.Range(0, B * H * W * C).Select(n => n * 37 % 101 / 100.0)]; // all different: no tie
        double[] y = new double[B * (H / 2) * (W / 2) * C], r = GradientCheck.Random(y.Length, 1), dx = new double[x.Length];
        var argmax = new int[y.Length];

        ReferenceMaxPooling2D.Forward(x, B, H, W, C, y, argmax);
        ReferenceMaxPooling2D.Backward(r, argmax, dx);

        Assert.That(GradientCheck.WorstError(Loss, x, dx, h: 1e-3), Is.LessThan(Ceiling));

        double Loss()
        {
            ReferenceMaxPooling2D.Forward(x, B, H, W, C, y, argmax);
            return GradientCheck.Dot(y, r);
        }
    }

    [Test]
    public void MaxPooling2D_Ties_TakeTheFirstOfTheWindow()
    {
        double[] x = [1, 7, 7, 7], y = [0];
        int[] argmax = [0];

        ReferenceMaxPooling2D.Forward(x, 1, 2, 2, 1, y, argmax);

        Assert.That((y[0], argmax[0]), Is.EqualTo((7.0, 1)));
    }

    [Test]
    public void ReluAndDropout_Backward_AreTheSlopesOfForward()
    {
        double[] z = GradientCheck.Random(40, 1, gap: 1e-3), y = new double[40], r = GradientCheck.Random(40, 2), dz = new double[40], dx = new double[40];
        byte[] keep = [.. Enumerable.Range(0, 40).Select(n => (byte)(n % 3 == 0 ? 1 : 0))];

        ReferenceRelu.Backward(r, z, dz);
        ReferenceDropout.Backward(r, keep, .25, dx);

        Assert.That(GradientCheck.WorstError(() => Loss(() => ReferenceRelu.Forward(z, y)), z, dz), Is.LessThan(Ceiling), "ReLU");
        Assert.That(GradientCheck.WorstError(() => Loss(() => ReferenceDropout.Forward(z, keep, .25, y)), z, dx), Is.LessThan(Ceiling), "dropout");
        Assert.That(y[0], Is.EqualTo(z[0] / .75).Within(1e-15));
        Assert.That(y[1], Is.Zero);

        double Loss(Action forward)
        {
            forward();
            return GradientCheck.Dot(y, r);
        }
    }

    [Test]
    public void DenseAndSoftmaxCrossEntropy_Backward_AreTheSlopesOfTheMeanLoss()
    {
        const int B = 3, In = 5, Out = 4;
        int[] labels = [2, 0, 3];
        double[] x = GradientCheck.Random(B * In, 1), kernel = GradientCheck.Random(In * Out, 2), bias = GradientCheck.Random(Out, 3);
        double[] z = new double[B * Out], p = new double[B * Out], dz = new double[B * Out];
        double[] dx = new double[x.Length], dkernel = new double[kernel.Length], dbias = new double[Out];

        Loss();
        ReferenceSoftmaxCrossEntropy.Backward(p, labels, Out, dz);
        ReferenceDense.Backward(dz, x, kernel, B, In, Out, dx, dkernel, dbias);

        Assert.Multiple(() =>
        {
            Assert.That(GradientCheck.WorstError(Loss, x, dx), Is.LessThan(Ceiling), "dx");
            Assert.That(GradientCheck.WorstError(Loss, kernel, dkernel), Is.LessThan(Ceiling), "dkernel");
            Assert.That(GradientCheck.WorstError(Loss, bias, dbias), Is.LessThan(Ceiling), "dbias");
        });

        double Loss()
        {
            ReferenceDense.Forward(x, kernel, bias, B, In, Out, z);
            ReferenceSoftmaxCrossEntropy.Forward(z, B, Out, p);
            return ReferenceSoftmaxCrossEntropy.Measure(p, labels, Out).LossSum / B;
        }
    }

    [Test]
    public void SoftmaxCrossEntropy_EqualProbabilities_CountTheFirstAsThePrediction()
    {
        double[] p = new double[4];

        ReferenceSoftmaxCrossEntropy.Forward([1000, 1000, -1000, 1000], 2, 2, p);

        Assert.That(p, Is.EqualTo(new[] { .5, .5, 0, 1 })); // no overflow
        Assert.That(ReferenceSoftmaxCrossEntropy.Measure(p, [1, 1], 2), Is.EqualTo((Math.Log(2), 1)));
        Assert.That(ReferenceSoftmaxCrossEntropy.Measure(p, [0, 1], 2).Correct, Is.EqualTo(2));
    }

    [Test]
    public void Adam_FirstTwoStepsByHand_AreKeras()
    {
        double[] w = [1], m = [0], v = [0];

        ReferenceAdam.Step(w, m, v, [.5], .001, 1);
        double first = w[0];
        ReferenceAdam.Step(w, m, v, [-.25], .001, 2);

        // t = 1: m = .05, v = .00025, step size .001·√.001/.1; t = 2: m = .02, v = .00031225, step size .001·√.001999/.19.
        Assert.That(first, Is.EqualTo(1 - .001 * Math.Sqrt(.001) / .1 * .05 / (Math.Sqrt(.00025) + 1e-7)).Within(1e-15));
        Assert.That(w[0], Is.EqualTo(first - .001 * Math.Sqrt(.001999) / .19 * .02 / (Math.Sqrt(.00031225) + 1e-7)).Within(1e-12));
    }

    /// <summary>The check of the checks: small errors in a gradient must be seen.</summary>
    [TestCase("one element off by a thousandth")]
    [TestCase("same taken for valid")]
    [TestCase("normalization without the means' part")]
    public void GradientCheck_WrongOnPurpose_Fails(string mistake)
    {
        const int C = 2;
        var shape = new ConvShape(1, 4, 4, C, C, 1);
        double[] x = GradientCheck.Random(shape.InputCount, 1), kernel = GradientCheck.Random(9 * C * C, 2), bias = new double[C];
        double[] r = GradientCheck.Random(shape.OutputCount, 4), z = new double[r.Length], mean = new double[C], variance = new double[C];
        double[] dx = new double[x.Length];
        bool normalizes = mistake.StartsWith("normalization", StringComparison.Ordinal);
        if (normalizes)
        {
            ReferenceBatchNormalization.Statistics(x, C, mean, variance);
            for (int n = 0; n < x.Length; n++)
                dx[n] = r[n] / Math.Sqrt(variance[n % C] + BatchNormalizationLayer.DefaultEpsilon);
        }
        else
        {
            ReferenceConv2D.Backward(r, x, kernel, shape, dx, new double[kernel.Length], bias);
            bias = new double[C];
            if (mistake.StartsWith("one", StringComparison.Ordinal))
                dx[Array.IndexOf(dx, dx.MaxBy(Math.Abs))] *= 1.001;
            else
                dx = ValidGradient();
        }

        Assert.That(GradientCheck.WorstError(Loss, x, dx), Is.GreaterThan(1000 * Ceiling));

        double Loss()
        {
            if (normalizes)
            {
                ReferenceBatchNormalization.Statistics(x, C, mean, variance);
                ReferenceBatchNormalization.Forward(x, [1, 1], [0, 0], mean, variance, z);
            }
            else
            {
                ReferenceConv2D.Forward(x, kernel, bias, shape, z);
            }

            return GradientCheck.Dot(z, r);
        }

        double[] ValidGradient()
        {
            var wrong = new double[x.Length];
            var valid = shape with { Pad = 0 };
            ReferenceConv2D.Backward(r[..valid.OutputCount], x, kernel, valid, wrong, new double[kernel.Length], new double[C]);
            return wrong;
        }
    }
}
