namespace Cifar3.Training;

// dx[c] = (p[c] − [c = label]) / batch      p = softmax(x)
// With targets t, whose sum need not be 1:  loss = Σ t[c]·(log Σ exp x − x[c])     dx[c] = (p[c]·Σ t − t[c]) / batch
// x  logits [classes], read          dx [classes], written (=); all arithmetic in double.
internal static unsafe class SoftmaxCrossEntropy
{
    /// <summary>The gradient of the batch's mean cross-entropy; logSum is what <see cref="Softmax.Run"/> returned.</summary>
    public static void Gradient(float* x, double logSum, int classes, int label, int batch, float* dx)
    {
        for (int c = 0; c < classes; c++)
        {
            dx[c] = (float)((Math.Exp(x[c] - logSum) - (c == label ? 1 : 0)) / batch);
        }
    }

    /// <summary>The loss of one image with targets t [classes], returned, and its gradient.</summary>
    public static double WithTargets(float* x, double logSum, int classes, float* t, int batch, float* dx)
    {
        double loss = 0, sum = 0;
        for (int c = 0; c < classes; c++)
        {
            loss += t[c] * (logSum - x[c]);
            sum += t[c];
        }

        for (int c = 0; c < classes; c++)
        {
            dx[c] = (float)((Math.Exp(x[c] - logSum) * sum - t[c]) / batch);
        }

        return loss;
    }
}
