namespace Cifar3.Tests;

/// <summary>
/// Batch normalization over the last axis in double: y = gamma·x̂ + beta with x̂ = (x − mean)/√(variance + epsilon).
/// </summary>
/// <remarks>
/// x, y [N, C] with N = B·H·W; gamma, beta, mean, variance [C]. In training mean and variance are the batch's (÷N), in inference
/// the moving ones. All outputs are written (=) but the moving statistics, which are updated.
/// </remarks>
internal static class ReferenceBatchNormalization
{
    // mean[c] = Σ x/N     variance[c] = Σ (x − mean)²/N
    public static void Statistics(double[] x, int C, double[] mean, double[] variance)
    {
        double N = x.Length / C;
        Array.Clear(mean);
        Array.Clear(variance);
        for (int n = 0; n < x.Length; n++)
            mean[n % C] += x[n] / N;
        for (int n = 0; n < x.Length; n++)
            variance[n % C] += (x[n] - mean[n % C]) * (x[n] - mean[n % C]) / N;
    }

    // moving = momentum·moving + (1 − momentum)·batch, both for mean and (biased) variance
    public static void UpdateMoving(double[] moving, double[] batch, double momentum)
    {
        for (int c = 0; c < moving.Length; c++)
            moving[c] = momentum * moving[c] + (1 - momentum) * batch[c];
    }

    public static void Forward(double[] x, double[] gamma, double[] beta, double[] mean, double[] variance, double[] y, double epsilon = BatchNormalizationLayer.DefaultEpsilon)
    {
        int C = gamma.Length;
        double[] scale = Scale(variance, epsilon);
        for (int n = 0; n < x.Length; n++)
            y[n] = gamma[n % C] * (x[n] - mean[n % C]) * scale[n % C] + beta[n % C];
    }

    // The batch's mean and variance depend on x, hence the two means that are taken off:
    // dx = gamma/√(variance + ε)·(dy − dbeta/N − x̂·dgamma/N)     dgamma = Σ dy·x̂     dbeta = Σ dy
    public static void Backward(double[] dy, double[] x, double[] gamma, double[] mean, double[] variance, double[] dx, double[] dgamma, double[] dbeta, double epsilon = BatchNormalizationLayer.DefaultEpsilon)
    {
        int C = gamma.Length;
        double N = x.Length / C;
        double[] scale = Scale(variance, epsilon);
        Array.Clear(dgamma);
        Array.Clear(dbeta);
        for (int n = 0; n < x.Length; n++)
        {
            dgamma[n % C] += dy[n] * (x[n] - mean[n % C]) * scale[n % C];
            dbeta[n % C] += dy[n];
        }

        for (int n = 0; n < x.Length; n++)
        {
            int c = n % C;
            double normalized = (x[n] - mean[c]) * scale[c];
            dx[n] = gamma[c] * scale[c] * (dy[n] - dbeta[c] / N - normalized * dgamma[c] / N);
        }
    }

    // Frozen: mean and variance are constants, dx = gamma/√(variance + ε)·dy
    public static void BackwardFrozen(double[] dy, double[] gamma, double[] variance, double[] dx, double epsilon = BatchNormalizationLayer.DefaultEpsilon)
    {
        double[] scale = Scale(variance, epsilon);
        for (int n = 0; n < dy.Length; n++)
            dx[n] = gamma[n % gamma.Length] * scale[n % gamma.Length] * dy[n];
    }

    private static double[] Scale(double[] variance, double epsilon) => [.. variance.Select(v => 1 / Math.Sqrt(v + epsilon))];
}
