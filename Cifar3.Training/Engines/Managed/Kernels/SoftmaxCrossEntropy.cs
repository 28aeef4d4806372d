namespace Cifar3.Training;

// dx[c] = (p[c] − [c = label]) / batch      p = softmax(x)
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
}
