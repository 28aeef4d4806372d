using Cifar3.Training;

namespace Cifar3.Tests;

internal sealed unsafe class SoftmaxTests
{
    [Test]
    public void Softmax_ExtremeLogits_StaysFinite()
    {
        float* x = stackalloc float[] { 1000, 0, -1000 }, p = stackalloc float[3], dx = stackalloc float[3];

        double logSum = Softmax.Forward(x, 3, p);
        Softmax.Backward(x, logSum, 3, label: 2, batch: 4, dx);

        Assert.That((p[0], p[1], p[2]), Is.EqualTo((1f, 0f, 0f)));
        Assert.That(logSum - x[2], Is.EqualTo(2000));
        Assert.That((dx[0], dx[1], dx[2]), Is.EqualTo((0.25f, 0f, -0.25f)));
    }

    [Test]
    public void Gradient_RandomLogits_IsTheLosssSlope()
    {
        float* x = stackalloc float[] { 0.5f, -1.25f, 2, 0 }, p = stackalloc float[4], dx = stackalloc float[4];
        double logSum = Softmax.Forward(x, 4, p);
        Softmax.Backward(x, logSum, 4, label: 1, batch: 2, dx);

        const float h = 1f / 1024;
        for (int c = 0; c < 4; c++)
        {
            float old = x[c];
            x[c] = old + h;
            double up = Softmax.Forward(x, 4, p) - x[1];
            x[c] = old - h;
            double down = Softmax.Forward(x, 4, p) - x[1];
            x[c] = old;
            Assert.That(dx[c], Is.EqualTo((up - down) / (2 * h) / 2).Within(1e-6));
        }
    }

    [Test]
    public void ArgMax_EqualProbabilities_TakesTheFirst()
    {
        float* p = stackalloc float[] { 0.2f, 0.4f, 0.4f };

        Assert.That(Softmax.ArgMax(p, 3), Is.EqualTo(1));
    }
}
