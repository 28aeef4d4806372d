namespace Cifar3;

// BatchNorm between a ReLU and a VALID convolution without a pass over activations. With ŷ = s·y + t, s = γ/σ, t = β − μ·s (σ² with ε):
// z = conv(ŷ; g) + bias = conv(y; s·g) + bias + Σ over taps, ci of t[ci]·g[tap, ci, co], because every tap of a valid
// convolution lies inside y: no zero border that ŷ has and s·y + t has not. So the next kernel is scaled and its bias shifted.
// Sums over taps and channels are in double. g, scaled are [9, Cin, Cout] Keras layout with padded channels.
// Once a step, over the weights only. Reference: WinogradBatchNormTests (BatchNorm and convolution in double).
internal static unsafe class WinogradBatchNorm
{
    /// <summary>σ, s and t of one channel.</summary>
    public static (double Deviation, float Scale, float Shift) Fold(float gamma, float beta, double mean, double variance)
    {
        double deviation = Math.Sqrt(variance + BatchNormalizationLayer.Epsilon);
        return (deviation, (float)(gamma / deviation), (float)(beta - mean * gamma / deviation));
    }

    /// <summary>scaled = s·g and shifted[co] = bias[co] + Σ t·g, for s and t of the batch (training) or of the moving statistics (inference).</summary>
    /// <param name="g">The kernel behind the BatchNorm [9, Cin, Cout].</param>
    /// <param name="bias">Its bias [Cout].</param>
    /// <param name="scale">s [Cin].</param>
    /// <param name="shift">t [Cin].</param>
    /// <param name="inputs">Cin, a multiple of 16.</param>
    /// <param name="outputs">Cout, a multiple of 16.</param>
    /// <param name="first">First output channel to compute: threads share them in runs that are multiples of 16.</param>
    /// <param name="end">The one after the last.</param>
    /// <param name="scaled">Receives the kernel to convolve y with [9, Cin, Cout].</param>
    /// <param name="shifted">Receives the bias to add [Cout].</param>
    /// <param name="sums">Scratch, Cout doubles.</param>
    public static void Forward<V>(float* g, float* bias, float* scale, float* shift, int inputs, int outputs, int first, int end, float* scaled, float* shifted, double* sums)
        where V : struct, ISimd<V>
    {
        for (int co = first; co < end; co++)
        {
            sums[co] = bias[co];
        }

        for (int row = 0; row < 9 * inputs; row++, g += outputs, scaled += outputs)
        {
            V s = V.Broadcast(scale[row % inputs]), t = V.Broadcast(shift[row % inputs]);
            for (int co = first; co < end; co += V.Width)
            {
                V weight = V.Load(g + co);
                V.Store(scaled + co, s * weight);
                V.AddProductTo(sums + co, t, weight);
            }
        }

        for (int co = first; co < end; co++)
        {
            shifted[co] = (float)sums[co];
        }
    }
}
