namespace Cifar3.Training;

// dw[kh, kw, ci, co] (= or +=) Σ over images b, rows i, columns j of x[b, i + kh − o, j + kw − o, ci] · dy[b, i, j, co]
// x     [H, W, Cin] with a border of at least o, read; the images from firstX on
// dy    [H', W', Cout], read; the images from 0 on
// dw    [3, 3, Cin, Cout], written (=) or accumulated (+=), as add says
// For one kh the (kw, ci) lie consecutively in x: a GEMM of 3·Cin rows whose inner sum runs over the pixels of a row.
// A block of dw stays in registers through all images given, so give several where images are small.
// Order of summation: images, rows, columns. Reference: Conv3x3Tests.
internal static unsafe class Conv3x3BackwardWeights
{
    public static void Run<V>(in Plane x, int firstX, in Plane dy, int images, int offset, float* dw, bool add, float* zeros)
        where V : struct, ISimd<V>
    {
        int rows = 3 * x.Channels;
        for (int column = 0; column < dy.Channels; column += Gemm.PanelWidth<V>())
        {
            int columns = Math.Min(Gemm.PanelWidth<V>(), dy.Channels - column);
            for (int kh = 0; kh < 3; kh++)
            {
                float* target = dw + (long)kh * rows * dy.Channels + column;
                Gemm.Run<V>(rows, columns, new GemmTask
                {
                    A = x.At(firstX, kh - offset, -offset),
                    ARow = 1,
                    AOuter = x.ImageStride,
                    AMid = x.RowStride,
                    AInner = x.Channels,
                    B = dy.At(0) + column,
                    BOuter = dy.ImageStride,
                    BMid = dy.RowStride,
                    BInner = dy.Channels,
                    C = target,
                    CRow = dy.Channels,
                    Init = add ? target : zeros,
                    InitRow = add ? dy.Channels : 0,
                    Outer = images,
                    Mid = dy.Height,
                    Inner = dy.Width,
                    Floor = float.NegativeInfinity,
                });
            }
        }
    }
}
