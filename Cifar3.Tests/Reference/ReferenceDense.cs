namespace Cifar3.Tests;

/// <summary>Fully connected layer without activation in double: z[b,o] = bias[o] + Σ over n of x[b,n]·kernel[n,o].</summary>
/// <remarks>x [B, In], kernel [In, Out], bias [Out], z [B, Out]. All outputs are written (=).</remarks>
internal static class ReferenceDense
{
    public static void Forward(double[] x, double[] kernel, double[] bias, int B, int In, int Out, double[] z)
    {
        for (int b = 0; b < B; b++)
            for (int o = 0; o < Out; o++)
            {
                double sum = bias[o];
                for (int n = 0; n < In; n++)
                    sum += x[b * In + n] * kernel[n * Out + o];
                z[b * Out + o] = sum;
            }
    }

    // dx[b,n] = Σ o dz[b,o]·kernel[n,o]     dkernel[n,o] = Σ b x[b,n]·dz[b,o]     dbias[o] = Σ b dz[b,o]
    public static void Backward(double[] dz, double[] x, double[] kernel, int B, int In, int Out, double[] dx, double[] dkernel, double[] dbias)
    {
        Array.Clear(dx);
        Array.Clear(dkernel);
        Array.Clear(dbias);
        for (int b = 0; b < B; b++)
            for (int o = 0; o < Out; o++)
            {
                double d = dz[b * Out + o];
                dbias[o] += d;
                for (int n = 0; n < In; n++)
                {
                    dx[b * In + n] += d * kernel[n * Out + o];
                    dkernel[n * Out + o] += d * x[b * In + n];
                }
            }
    }
}

/// <summary>
/// Softmax and categorical cross-entropy in double: p = exp(z)/Σ exp(z), loss of an image = −ln p[label], loss of the batch = their mean.
/// </summary>
internal static class ReferenceSoftmaxCrossEntropy
{
    /// <summary>Probabilities [B, classes] of logits [B, classes].</summary>
    public static void Forward(double[] z, int B, int classes, double[] p)
    {
        for (int b = 0; b < B; b++)
        {
            var row = z.AsSpan(b * classes, classes);
            double largest = row[0], sum = 0;
            foreach (double v in row)
                largest = Math.Max(largest, v);
            foreach (double v in row)
                sum += Math.Exp(v - largest);
            for (int o = 0; o < classes; o++)
                p[b * classes + o] = Math.Exp(row[o] - largest) / sum;
        }
    }

    /// <summary>Sum over the images of −ln p[label], and how many have the label as their most probable class (the first of equals).</summary>
    public static (double LossSum, int Correct) Measure(double[] p, ReadOnlySpan<int> labels, int classes)
    {
        double loss = 0;
        int correct = 0;
        for (int b = 0; b < labels.Length; b++)
        {
            loss -= Math.Log(p[b * classes + labels[b]]);
            int best = 0;
            for (int o = 1; o < classes; o++)
                if (p[b * classes + o] > p[b * classes + best])
                    best = o;
            correct += best == labels[b] ? 1 : 0;
        }

        return (loss, correct);
    }

    /// <summary>One row of targets a label: 1 for the label, 0 elsewhere.</summary>
    public static double[] OneHot(ReadOnlySpan<int> labels, int classes)
    {
        var targets = new double[labels.Length * classes];
        for (int b = 0; b < labels.Length; b++)
            targets[b * classes + labels[b]] = 1;
        return targets;
    }

    /// <summary>Sum over the images of −Σ t·ln p.</summary>
    public static double Loss(double[] p, double[] targets) => -p.Zip(targets, (value, t) => t == 0 ? 0 : t * Math.Log(value)).Sum();

    // Of the mean loss with targets t: dz = (p·Σ t − t)/B
    public static void Backward(double[] p, double[] targets, int B, int classes, double[] dz)
    {
        for (int b = 0; b < B; b++)
        {
            double sum = 0;
            for (int o = 0; o < classes; o++)
                sum += targets[b * classes + o];
            for (int o = 0; o < classes; o++)
                dz[b * classes + o] = (p[b * classes + o] * sum - targets[b * classes + o]) / B;
        }
    }

    // Of the mean loss: dz = (p − onehot(label))/B
    public static void Backward(double[] p, ReadOnlySpan<int> labels, int classes, double[] dz)
    {
        for (int b = 0; b < labels.Length; b++)
            for (int o = 0; o < classes; o++)
                dz[b * classes + o] = (p[b * classes + o] - (o == labels[b] ? 1 : 0)) / labels.Length;
    }
}
