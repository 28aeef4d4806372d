namespace Cifar3.Training;

// dx[p, q, ci] = Σ over kh, kw, co of dy[p − kh + o, q − kw + o, co] · w[kh, kw, ci, co]    o = 1 ("same") or 0 ("valid")
// dy    [H', W', Cout] with a border of 2 − o zeros, read
// w     packed by PackWeights.BackwardInput (rotated and transposed): panels over ci [9·Cout, panel], read
// dx    [H, W, Cin], written (=)
// The forward convolution of dy with the kernel rotated by 180 degrees; rows of dy outside the image are left out of the sum.
// Order of summation: kh and kw descending, then co. Reference: Conv3x3Tests.
internal static unsafe class Conv3x3BackwardInput
{
    public static void Run<V>(in Plane dy, int dyImage, in Plane dx, int dxImage, int offset, float* packed, float* zeros)
        where V : struct, ISimd<V>
    {
        int inner = 3 * dy.Channels, first = offset - 2; // dy's row under the rotated kernel's first row, for dx's row 0
        for (int column = 0; column < dx.Channels; column += Gemm.PanelWidth<V>())
        {
            int columns = Math.Min(Gemm.PanelWidth<V>(), dx.Channels - column);
            float* panel = packed + (long)column * 3 * inner;
            var task = new GemmTask
            {
                ARow = dy.Channels, AMid = dy.RowStride, AInner = 1,
                BMid = inner * columns, BInner = columns,
                CRow = dx.Channels, Init = zeros, InitRow = 0,
                Outer = 1, Inner = inner, Floor = float.NegativeInfinity,
            };
            for (int row = 0; row < dx.Height; row++)
            {
                int from = Math.Max(0, -(row + first)), to = Math.Min(3, dy.Height - (row + first));
                task.Mid = Math.Max(0, to - from);
                task.A = dy.At(dyImage, row + first + from, first);
                task.B = panel + from * task.BMid;
                task.C = dx.At(dxImage, row) + column;
                Gemm.Run<V>(dx.Width, columns, task);
            }
        }
    }
}
