namespace Cifar3.Training;

// The matrix products of a Winograd convolution's gradients, for points first to end of one block of tiles:
//   WeightGradient  dU[p] += V[p]ᵀ · dM[p]        [Cin, tiles] · [tiles, Cout]      (= where the block is the first)
//   InputGradient   dV[p]  =  dM[p] · Uᵀ[p]       [tiles, Cout] · [Cout, Cin]
// Buffers as WinogradShape describes; Uᵀ, dU packed by panels. Points are independent: threads may share them, and a block may be
// as large as the whole batch, where dU[p] is then one sum over all its tiles, in their order.
internal static unsafe class WinogradProductsBackward
{
    public static void WeightGradient<V>(in WinogradShape shape, float* v, float* dm, int tiles, int first, int end, float* du, bool add)
        where V : struct, ISimd<V>
    {
        int panel = 2 * V.Width;
        var product = new MatrixProduct
        {
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
        for (int p = first; p < end; p++)
        {
            product.A = v + p * shape.InputStride;
            product.B = dm + p * shape.OutputStride;
            product.C = du + p * shape.WeightStride;
            if (add)
            {
                GemmMicroKernel.MultiplyAdd<V>(in product);
            }
            else
            {
                GemmMicroKernel.Multiply<V>(in product);
            }
        }
    }

    public static void InputGradient<V>(in WinogradShape shape, float* dm, float* ut, int tiles, int first, int end, float* dv)
        where V : struct, ISimd<V>
    {
        int panel = 2 * V.Width;
        var product = new MatrixProduct
        {
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
        for (int p = first; p < end; p++)
        {
            product.A = dm + p * shape.OutputStride;
            product.B = ut + p * shape.WeightStride;
            product.C = dv + p * shape.InputStride;
            GemmMicroKernel.Multiply<V>(in product);
        }
    }
}
