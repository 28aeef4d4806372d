namespace Cifar3;

// y[i, j, co] = max(0, bias[co] + Σ over kh, kw, ci of x[i + kh − o, j + kw − o, ci] · w[kh, kw, ci, co])    o = 1 ("same") or 0 ("valid")
// x     [H, W, Cin] with a border of at least o, read
// w     packed by PackWeights.Forward: panels [9·Cin, panel], read; bias [Cout], read
// y     [H', W', Cout], written (=); computed for as many rows and columns as y has, which may be fewer than the convolution's
// A row of pixels is a GEMM: rows = pixels, mid = kh, inner = (kw, ci), which lie consecutively in x.
// Panels outermost, so that one panel (up to 9·Cin·128 bytes) stays in L1/L2 while the image streams by.
// Order of summation: kh, kw, ci. Reference: Conv3x3Tests.
internal static unsafe class Conv3x3Forward
{
    public static void Run<V>(in Plane x, int xImage, in Plane y, int yImage, int offset, float* packed, float* bias)
        where V : struct, ISimd<V>
    {
        int inner = 3 * x.Channels;
        for (int column = 0; column < y.Channels; column += Gemm.PanelWidth<V>())
        {
            int columns = Math.Min(Gemm.PanelWidth<V>(), y.Channels - column);
            var task = new GemmTask
            {
                ARow = x.Channels,
                AMid = x.RowStride,
                AInner = 1,
                B = packed + (long)column * 3 * inner,
                BMid = inner * columns,
                BInner = columns,
                CRow = y.Channels,
                Init = bias + column,
                InitRow = 0,
                Outer = 1,
                Mid = 3,
                Inner = inner,
                Floor = 0,
            };
            for (int row = 0; row < y.Height; row++)
            {
                task.A = x.At(xImage, row - offset, -offset);
                task.C = y.At(yImage, row) + column;
                Gemm.Run<V>(y.Width, columns, task);
            }
        }
    }
}
