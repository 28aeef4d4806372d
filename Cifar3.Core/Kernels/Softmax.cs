namespace Cifar3;

// p[c] = exp(x[c]) / Σ exp(x);  loss = ln Σ exp(x) − x[label]
// x  logits [classes], read          p [classes], written (=); all arithmetic in double.
// The largest logit is subtracted before each exp. The loss is taken from the logits: it stays finite where the label's probability rounds to 0.
internal static unsafe class Softmax
{
    /// <summary>Writes the probabilities; returns ln Σ exp(x): the cross-entropy is that minus x[label].</summary>
    public static double Run(float* x, int classes, float* p)
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
