namespace Cifar3;

// M[p] = V[p] · U[p]         [tiles, Cin] · [Cin, Cout], for every point of one block of tiles
// Buffers as WinogradShape describes; U packed by panels.
internal static unsafe class WinogradProducts
{
    // Forward sums are cut: at 64 and 128 channels that takes a third off the rounding error of the output. Where products are rounded
    // too, they are cut shorter.
    private static int Chain<V>()
        where V : struct, ISimd<V> => V.IsFused ? 32 : 16;

    public static void Forward<V>(in WinogradShape shape, float* v, float* u, int tiles, int first, int end, float* m)
        where V : struct, ISimd<V>
    {
        int panel = 2 * V.Width;
        var product = new MatrixProduct
        {
            ARow = shape.Inputs,
            AStep = 1,
            BStep = Math.Min(panel, shape.Outputs),
            BPanel = (nint)shape.Inputs * panel,
            CRow = shape.Outputs,
            CPanel = panel,
            Rows = tiles,
            Columns = shape.Outputs,
            Depth = shape.Inputs,
            Chain = Chain<V>(),
        };
        for (int p = first; p < end; p++)
        {
            product.A = v + p * shape.InputStride;
            product.B = u + p * shape.WeightStride;
            product.C = m + p * shape.OutputStride;
            GemmMicroKernel.Multiply<V>(in product);
        }
    }
}
