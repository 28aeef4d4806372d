namespace Cifar3;

// The matrix products of a Winograd convolution, for one point of one block of tiles:
//   Forward         M[p]   = V[p] · U[p]           [tiles, Cin] · [Cin, Cout]
//   WeightGradient  dU[p] += V[p]ᵀ · dM[p]         [Cin, tiles] · [tiles, Cout]      (= where the block is the first)
//   InputGradient   dV[p]  = dM[p] · Uᵀ[p]         [tiles, Cout] · [Cout, Cin]
// Buffers as WinogradShape describes; U, Uᵀ, dU packed by panels (WinogradWeights). Points are independent: threads may share them, and
// blocks that are kept make dU[p] one sum over all their tiles, in their order.
internal static unsafe class WinogradProducts
{
    // Forward sums are cut: at 64 and 128 channels that takes a third off the rounding error of the output. Where products are rounded
    // too, they are cut shorter.
    private static int Chain<V>()
        where V : struct, ISimd<V> => V.IsFused ? 32 : 16;

    /// <summary>M of output channels firstChannel to endChannel, the first a multiple of a panel.</summary>
    public static void Forward<V>(in WinogradShape shape, float* v, float* u, int tiles, int point, int firstChannel, int endChannel, float* m, MemoryAhead* ahead)
        where V : struct, ISimd<V>
    {
        int panel = 2 * V.Width;
        var product = new MatrixProduct
        {
            Ahead = ahead,
            A = v + point * shape.InputStride,
            B = u + point * shape.WeightStride + (nint)firstChannel * shape.Inputs,
            C = m + point * shape.OutputStride + firstChannel,
            ARow = shape.Inputs,
            AStep = 1,
            BStep = Math.Min(panel, shape.Outputs),
            BPanel = (nint)shape.Inputs * panel,
            CRow = shape.Outputs,
            CPanel = panel,
            Rows = tiles,
            Columns = endChannel - firstChannel,
            Depth = shape.Inputs,
            Chain = Chain<V>(),
        };
        WinogradGemm.Multiply<V>(in product);
    }

    public static void WeightGradient<V>(in WinogradShape shape, float* v, float* dm, int tiles, int point, float* du, bool add, MemoryAhead* ahead)
        where V : struct, ISimd<V>
    {
        int panel = 2 * V.Width;
        var product = new MatrixProduct
        {
            Ahead = ahead,
            A = v + point * shape.InputStride,
            B = dm + point * shape.OutputStride,
            C = du + point * shape.WeightStride,
            ARow = 1,
            AStep = shape.Inputs,
            BStep = shape.Outputs,
            BPanel = panel,
            CRow = Math.Min(panel, shape.Outputs),
            CPanel = (nint)shape.Inputs * panel,
            Rows = shape.Inputs,
            Columns = shape.Outputs,
            Depth = tiles,
            Chain = tiles,
        };
        if (add)
        {
            WinogradGemm.MultiplyAdd<V>(in product);
        }
        else
        {
            WinogradGemm.Multiply<V>(in product);
        }
    }

    public static void InputGradient<V>(in WinogradShape shape, float* dm, float* ut, int tiles, int point, float* dv, MemoryAhead* ahead)
        where V : struct, ISimd<V>
    {
        int panel = 2 * V.Width;
        var product = new MatrixProduct
        {
            Ahead = ahead,
            A = dm + point * shape.OutputStride,
            B = ut + point * shape.WeightStride,
            C = dv + point * shape.InputStride,
            ARow = shape.Outputs,
            AStep = 1,
            BStep = Math.Min(panel, shape.Inputs),
            BPanel = (nint)shape.Outputs * panel,
            CRow = shape.Inputs,
            CPanel = panel,
            Rows = tiles,
            Columns = shape.Inputs,
            Depth = shape.Outputs,
            Chain = shape.Outputs,
        };
        WinogradGemm.Multiply<V>(in product);
    }
}
