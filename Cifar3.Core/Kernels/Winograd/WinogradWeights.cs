using System.Runtime.CompilerServices;

namespace Cifar3;

// U[p, ci, co] = (G g[:, :, ci, co] Gᵀ)[p], packed as GemmMicroKernel reads B: panels of two vectors of columns, the last as wide as
// what is left; panel q of a point begins at q·rows·(2 vectors).
// g  [3, 3, Cin, Cout] Keras layout, channels padded to 16 with zeros, read
// For output channels [first, end): threads share the channels. Element by element. Reference: WinogradConvolutionTests.
internal static unsafe class WinogradWeights
{
    /// <summary>U of output channels first to end, multiples of the vector width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
}
