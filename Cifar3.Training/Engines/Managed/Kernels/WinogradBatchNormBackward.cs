namespace Cifar3.Training;

// Backward of WinogradBatchNorm: BatchNorm in front of a VALID convolution without a pass over activations. With ŷ = s·y + t,
// s = γ/σ, t = β − μ·s (σ² with ε), let dz be the convolution's output gradient, db[co] = Σ dz its bias gradient, and
// R[tap, ci, co] = Σ y·dz its raw weight gradient, taken with y instead of ŷ. dŷ is the transposed convolution of dz with g, so, every
// dz reaching all its 9 taps,
//   dg  = s[ci]·R + t[ci]·db[co]
//   dβ  = Σ dŷ     = Σ over taps, co of g·db[co]
//   Σ dŷ·y         = Σ over taps, co of g·R          (Σ over pixels y·convᵀ(dz; g) = Σ g·(y ⋆ dz))
//   dγ  = Σ dŷ·x̂   = (Σ dŷ·y − μ·dβ)/σ
//   dy  = s·(dŷ − dβ/N − x̂·dγ/N) = D + b·y + c,   b = −s·dγ/(N·σ),   c = −s·dβ/N − b·μ
// where N = pixels of y and D = s·dŷ is what the backward pass with the scaled kernel gives. Pixels of y that no computed output
// reads (the last row and column before a pooling that floors) have dŷ = 0, but b·y + c is theirs as well: they are in μ and σ.
// All sums over taps and channels are in double. g, R, dg are [9, Cin, Cout] Keras layout with padded channels.
// Once a step, over the weights only. Reference: WinogradBatchNormTests (BatchNorm and convolution in double).
internal static unsafe class WinogradBatchNormBackward
{
    /// <summary>dβ, dγ and the coefficients b, c of dy, from R and db; then dg over R.</summary>
    /// <param name="g">The next kernel, not scaled, [9, Cin, Cout].</param>
    /// <param name="gradient">R on entry, dg on exit, [9, Cin, Cout].</param>
    /// <param name="db">Gradient of the next bias [Cout].</param>
    /// <param name="dBias">The same in float.</param>
    /// <param name="count">N: pixels of y a channel, over the whole batch.</param>
    /// <param name="norm">The BatchNorm's μ, σ, s, t.</param>
    /// <param name="inputs">Cin, a multiple of 16.</param>
    /// <param name="outputs">Cout, a multiple of 16.</param>
    /// <param name="first">First input channel to compute: threads share them.</param>
    /// <param name="end">The one after the last.</param>
    /// <param name="dGamma">Receives dγ [Cin].</param>
    /// <param name="dBeta">Receives dβ [Cin].</param>
    /// <param name="b">Receives b [Cin].</param>
    /// <param name="c">Receives c [Cin].</param>
    /// <param name="sums">Scratch, 2·Cout doubles.</param>
    public static void Run<V>(
        float* g, float* gradient, double* db, float* dBias, long count, in NormStatistics norm, int inputs, int outputs, int first, int end,
        float* dGamma, float* dBeta, float* b, float* c, double* sums)
        where V : struct, ISimd<V>
    {
        for (int ci = first; ci < end; ci++)
        {
            new Span<double>(sums, 2 * outputs).Clear();
            for (int tap = 0; tap < 9; tap++)
            {
                nint row = ((nint)tap * inputs + ci) * outputs;
                for (int co = 0; co < outputs; co += V.Width)
                {
                    V weight = V.Load(g + row + co), raw = V.Load(gradient + row + co);
                    V.AddTo(sums + co, weight);
                    V.AddProductTo(sums + outputs + co, weight, raw);
                }
            }

            double beta = 0, product = 0;
            for (int co = 0; co < outputs; co++)
            {
                beta += sums[co] * db[co];
                product += sums[outputs + co];
            }

            V s = V.Broadcast(norm.Scale[ci]), t = V.Broadcast(norm.Shift[ci]);
            for (int tap = 0; tap < 9; tap++)
            {
                float* row = gradient + ((nint)tap * inputs + ci) * outputs;
                for (int co = 0; co < outputs; co += V.Width)
                {
                    V.Store(row + co, V.Fma(s, V.Load(row + co), t * V.Load(dBias + co)));
                }
            }

            double gamma = (product - norm.Mean[ci] * beta) / norm.Deviation[ci];
            double slope = -norm.Scale[ci] * gamma / (count * norm.Deviation[ci]);
            dGamma[ci] = (float)gamma;
            dBeta[ci] = (float)beta;
            b[ci] = (float)slope;
            c[ci] = (float)(-norm.Scale[ci] * beta / count - slope * norm.Mean[ci]);
        }
    }
}

/// <summary>What BatchNorm's forward pass leaves for its backward pass, a channel each.</summary>
internal unsafe struct NormStatistics
{
    /// <summary>μ.</summary>
    public double* Mean;

    /// <summary>σ = √(variance + ε).</summary>
    public double* Deviation;

    /// <summary>s = γ/σ.</summary>
    public float* Scale;

    /// <summary>t = β − μ·s.</summary>
    public float* Shift;
}
