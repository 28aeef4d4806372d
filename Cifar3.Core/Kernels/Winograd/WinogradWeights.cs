using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Cifar3;

// Forward    U[p, ci, co] = (G g[:, :, ci, co] Gᵀ)[p]
// Transpose  Uᵀ[p, co, ci] = (G g[:, :, ci, co] Gᵀ)[p], for backward-data
// Backward   dg[:, :, ci, co] = Gᵀ dU[p, ci, co] G
// U, Uᵀ, dU  packed as WinogradGemm reads B: panels of two vectors of columns, the last as wide as what is left; panel q of a point
//            begins at q·rows·(2 vectors). dU of several shards [shards, WeightFloats apart] is first added up by the caller, in shard
//            order, into the first.
// g, dg      [3, 3, Cin, Cout] Keras layout, channels padded to 16, g's padding zero; g read, dg written (=)
// Once a step, for channels [first, end) of those named: threads share the channels. Element by element. Reference: WinogradConvolutionTests.
internal static unsafe class WinogradWeights
{
    /// <summary>U of output channels first to end, multiples of the vector width.</summary>
    [MethodImpl(Jit.Kernel)]
    public static void Forward<V, TTile>(in WinogradShape shape, float* g, int first, int end, float* u, float* scratch)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        nint tap = (nint)shape.Inputs * shape.Outputs, point = shape.WeightStride;
        for (int co = first; co < end; co += V.Width)
        {
            for (int ci = 0; ci < shape.Inputs; ci++)
            {
                float* target = u + Packed<V>(shape.Inputs, shape.Outputs, ci, co);
                PrefetchNextRow<V>(target, point, TTile.Input * TTile.Input);
                WinogradMap.Apply<V, WeightsMap<TTile>>(g + (nint)ci * shape.Outputs + co, 3 * tap, tap, target, TTile.Input * point, point, scratch);
            }
        }
    }

    // Where [row, column] of a packed [rows, columns] lies.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint Packed<V>(int rows, int columns, int row, int column)
        where V : struct, ISimd<V>
    {
        int panel = 2 * V.Width, start = column / panel * panel, width = Math.Min(panel, columns - start);
        return (nint)start * rows + (nint)row * width + (column - start);
    }

    /// <summary>U transposed, of output channels first to end: columns are input channels. Both are multiples of the vector width.</summary>
    [MethodImpl(Jit.Kernel)]
    public static void Transpose<V, TTile>(in WinogradShape shape, float* g, int first, int end, float* ut, float* scratch)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        nint tap = (nint)shape.Inputs * shape.Outputs, point = shape.WeightStride;
        float* staged = scratch + WinogradMap.ScratchFloats / 2;
        for (int ci = 0; ci < shape.Inputs; ci += V.Width)
        {
            for (int co = first; co < end; co++)
            {
                float* source = g + (nint)ci * shape.Outputs + co;
                for (int k = 0; k < 9; k++, source += tap)
                {
                    for (int i = 0; i < V.Width; i++)
                    {
                        staged[k * V.Width + i] = source[(nint)i * shape.Outputs];
                    }
                }

                float* target = ut + Packed<V>(shape.Outputs, shape.Inputs, co, ci);
                PrefetchNextRow<V>(target, point, TTile.Input * TTile.Input);
                WinogradMap.Apply<V, WeightsMap<TTile>>(staged, 3 * V.Width, V.Width, target, TTile.Input * point, point, scratch);
            }
        }
    }

    /// <summary>
    /// Asks for the lines that the next row's transform will write, one in each point. U is larger than a core's own cache, and no processor reads ahead in 36 or 64 places at a time: each store waited for its line.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchNextRow<V>(float* target, nint point, int points)
        where V : struct, ISimd<V>
    {
        if (Sse.IsSupported)
        {
            float* next = target + 2 * V.Width;
            for (int p = 0; p < points; p++, next += point)
            {
                Sse.Prefetch1(next);
            }
        }
    }

    /// <summary>dg of input channels first to end.</summary>
    [MethodImpl(Jit.Kernel)]
    public static void Backward<V, TTile>(in WinogradShape shape, float* du, int first, int end, float* dg, float* scratch)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        nint tap = (nint)shape.Inputs * shape.Outputs, point = shape.WeightStride;
        for (int ci = first; ci < end; ci++)
        {
            for (int co = 0; co < shape.Outputs; co += V.Width)
            {
                float* source = du + Packed<V>(shape.Inputs, shape.Outputs, ci, co);
                WinogradMap.Apply<V, WeightsAdjointMap<TTile>>(source, TTile.Input * point, point, dg + (nint)ci * shape.Outputs + co, 3 * tap, tap, scratch);
            }
        }
    }
}
