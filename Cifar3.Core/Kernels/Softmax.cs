namespace Cifar3;

// Softmax and its cross-entropy:
//   Forward        p[c] = exp(x[c]) / Σ exp(x);  loss = ln Σ exp(x) − x[label]
//   Backward       dx[c] = (p[c] − [c = label]) / batch
//   with targets t, whose sum need not be 1:  loss = Σ t[c]·(ln Σ exp(x) − x[c]);  dx[c] = (p[c]·Σ t − t[c]) / batch
// x  logits [classes], read          p, dx [classes], written (=); all arithmetic in double.
// The largest logit is subtracted before each exp. The loss is taken from the logits: it stays finite where the label's probability rounds to 0.
internal static unsafe class Softmax
{
    /// <summary>Writes the probabilities; returns ln Σ exp(x): the cross-entropy is that minus x[label].</summary>
    public static double Forward(float* x, int classes, float* p)
    {
        double max = x[0], sum = 0;
        for (int c = 1; c < classes; c++)
        {
            max = Math.Max(max, x[c]);
        }

        for (int c = 0; c < classes; c++)
        {
            sum += Math.Exp(x[c] - max);
        }

        for (int c = 0; c < classes; c++)
        {
            p[c] = (float)(Math.Exp(x[c] - max) / sum);
        }

        return max + Math.Log(sum);
    }

    /// <summary>The gradient of the batch's mean cross-entropy; logSum is what <see cref="Forward"/> returned.</summary>
    public static void Backward(float* x, double logSum, int classes, int label, int batch, float* dx)
    {
        for (int c = 0; c < classes; c++)
        {
            dx[c] = (float)((Math.Exp(x[c] - logSum) - (c == label ? 1 : 0)) / batch);
        }
    }

    /// <summary>The loss of one image with targets t [classes], returned, and the gradient of the batch's mean loss.</summary>
    public static double Backward(float* x, double logSum, int classes, float* t, int batch, float* dx)
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

    /// <summary>The first of the most probable classes.</summary>
    public static int ArgMax(float* p, int classes)
    {
        int best = 0;
        for (int c = 1; c < classes; c++)
        {
            best = p[c] > p[best] ? c : best;
        }

        return best;
    }
}
