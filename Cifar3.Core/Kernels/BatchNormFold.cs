using System.Runtime.CompilerServices;

namespace Cifar3;

// BatchNorm between a ReLU and a VALID convolution without a pass over activations. With ŷ = s·y + t, s = γ/σ, t = β − μ·s (σ² with ε):
// z = conv(ŷ; g) + bias = conv(y; s·g) + bias + Σ over taps, ci of t[ci]·g[tap, ci, co], because every tap of a valid
// convolution lies inside y: no zero border that ŷ has and s·y + t has not. So the next kernel is scaled and its bias shifted.
//
// Backward: let dz be the convolution's output gradient, db[co] = Σ dz its bias gradient, and R[tap, ci, co] = Σ y·dz its raw weight
// gradient, taken with y instead of ŷ. dŷ is the transposed convolution of dz with g, so, every dz reaching all its 9 taps,
//   dg  = s[ci]·R + t[ci]·db[co]
//   dβ  = Σ dŷ     = Σ over taps, co of g·db[co]
//   Σ dŷ·y         = Σ over taps, co of g·R          (Σ over pixels y·convᵀ(dz; g) = Σ g·(y ⋆ dz))
//   dγ  = Σ dŷ·x̂   = (Σ dŷ·y − μ·dβ)/σ
//   dy  = s·(dŷ − dβ/N − x̂·dγ/N) = D + b·y + c,   b = −s·dγ/(N·σ),   c = −s·dβ/N − b·μ
// where N = pixels of y and D = s·dŷ is what the backward pass with the scaled kernel gives. Pixels of y that no computed output
// reads (the last row and column before a pooling that floors) have dŷ = 0, but b·y + c is theirs as well: they are in μ and σ.
//
// All sums over taps and channels are in double. g, R, dg, scaled are [9, Cin, Cout] Keras layout with padded channels.
// Once a step, over the weights only. Reference: BatchNormFoldTests (BatchNorm and convolution in double).
internal static unsafe class BatchNormFold
{
    /// <summary>σ, s and t of one channel.</summary>
    public static (double Deviation, float Scale, float Shift) Fold(float gamma, float beta, double mean, double variance, double epsilon)
    {
        double deviation = Math.Sqrt(variance + epsilon);
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
    [MethodImpl(Jit.Kernel)]
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
    [MethodImpl(Jit.Kernel)]
    public static void Backward<V>(
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

    /// <summary>dy of BatchNorm and of the ReLU before it: y &gt; 0 ? dz + b·y + c : 0, element by element, with b and c of <see cref="Backward"/> and dz the D there.</summary>
    /// <remarks>What <see cref="BatchNormReluSource"/> does for Winograd's tiles, here for the direct convolution. Reference: LayerKernelTests.</remarks>
    /// <param name="y">The ReLU's output [H, W, C], read.</param>
    /// <param name="dz">[H, W, C], read.</param>
    /// <param name="image">Which image of these.</param>
    /// <param name="dy">[H, W, C], written (=).</param>
    /// <param name="dyImage">Which image of it.</param>
    /// <param name="b">[C].</param>
    /// <param name="c">[C].</param>
    [MethodImpl(Jit.Kernel)]
    public static void ReluBackward<V>(in Plane y, in Plane dz, int image, in Plane dy, int dyImage, float* b, float* c)
        where V : struct, ISimd<V>
    {
        int channels = y.Channels;
        V zero = V.Broadcast(0);
        for (int row = 0; row < y.Height; row++)
        {
            float* yPixel = y.At(image, row), dzPixel = dz.At(image, row), dyPixel = dy.At(dyImage, row);
            for (int column = 0; column < y.Width; column++, yPixel += channels, dzPixel += channels, dyPixel += channels)
            {
                for (int i = 0; i < channels; i += V.Width)
                {
                    V value = V.Load(yPixel + i);
                    V gradient = V.Fma(V.Load(b + i), value, V.Load(dzPixel + i) + V.Load(c + i));
                    V.Store(dyPixel + i, V.IfGreater(value, zero, gradient, zero));
                }
            }
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
