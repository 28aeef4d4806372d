namespace Cifar3;

// The direct 3×3 convolution with bias and ReLU, o = 1 ("same") or 0 ("valid"):
//   Forward           y[i, j, co] = max(0, bias[co] + Σ over kh, kw, ci of x[i + kh − o, j + kw − o, ci] · w[kh, kw, ci, co])
//   BackwardWeights   dw[kh, kw, ci, co] (= or +=) Σ over images b, rows i, columns j of x[b, i + kh − o, j + kw − o, ci] · dy[b, i, j, co]
// x      [H, W, Cin] with a border of at least o, read
// w      packed by DirectGemm.Pack: panels [9·Cin, panel], read; bias [Cout], read
// y, dy  [H', W', Cout], y written (=), dy (the gradient before the ReLU) read; computed for as many rows and columns as y has, which
//        may be fewer than the convolution's
// dw     [3, 3, Cin, Cout], written (=) or accumulated (+=), as add says
// Forward: a row of pixels is a GEMM: rows = pixels, outer = kh, inner = (kw, ci), which lie consecutively in x. All panels of a row before
// the next row: the weights (27·Cout floats with 3 channels) stay in L1, and y is written line after line. A panel of the whole image before
// the next would leave every other line of y to a second pass where a panel is half of the channels (128 images, AVX2: 2.81 ms; so 2.25).
// Order of summation: kh, kw, ci.
// Backward: for one kh the (kw, ci) lie consecutively in x: a GEMM of 3·Cin rows whose inner sum runs over the pixels of a row. A block of
// dw stays in registers through an image, which stays in L2 for all blocks. Order of summation: images, rows, columns.
// The network's first convolution alone is computed so: its 3 input channels need no gradient. Reference: Conv3x3Tests.
internal static unsafe class Conv3x3
{
    /// <summary>y of one image.</summary>
    public static void Forward<V>(in Plane x, int xImage, in Plane y, int yImage, int offset, float* packed, float* bias)
        where V : struct, ISimd<V> => Forward<V>(in x, xImage, in y, yImage, 0, y.Height, offset, packed, bias);

    /// <summary>Rows first to end of it.</summary>
    public static void Forward<V>(in Plane x, int xImage, in Plane y, int yImage, int first, int end, int offset, float* packed, float* bias)
        where V : struct, ISimd<V>
    {
        int inner = 3 * x.Channels, panel = DirectGemm.PanelWidth<V>();
        for (int row = first; row < end; row++)
        {
            for (int column = 0; column < y.Channels; column += panel)
            {
                int columns = Math.Min(panel, y.Channels - column);
                DirectGemm.Run<V>(y.Width, columns, new GemmTask
                {
                    A = x.At(xImage, row - offset, -offset),
                    ARow = x.Channels,
                    AOuter = x.RowStride,
                    AInner = 1,
                    B = packed + (long)column * 3 * inner,
                    BOuter = inner * columns,
                    BInner = columns,
                    C = y.At(yImage, row) + column,
                    CRow = y.Channels,
                    Init = bias + column,
                    InitRow = 0,
                    Outer = 3,
                    Inner = inner,
                    Floor = 0,
                });
            }
        }
    }

    /// <summary>dw of images firstX on of x and 0 on of dy.</summary>
    public static void BackwardWeights<V>(in Plane x, int firstX, in Plane dy, int images, int offset, float* dw, bool add, float* zeros)
        where V : struct, ISimd<V>
    {
        int rows = 3 * x.Channels;
        for (int image = 0; image < images; image++, add = true)
        {
            for (int column = 0; column < dy.Channels; column += DirectGemm.PanelWidth<V>())
            {
                int columns = Math.Min(DirectGemm.PanelWidth<V>(), dy.Channels - column);
                for (int kh = 0; kh < 3; kh++)
                {
                    float* target = dw + (long)kh * rows * dy.Channels + column;
                    DirectGemm.Run<V>(rows, columns, new GemmTask
                    {
                        A = x.At(firstX + image, kh - offset, -offset),
                        ARow = 1,
                        AOuter = x.RowStride,
                        AInner = x.Channels,
                        B = dy.At(image) + column,
                        BOuter = dy.RowStride,
                        BInner = dy.Channels,
                        C = target,
                        CRow = dy.Channels,
                        Init = add ? target : zeros,
                        InitRow = add ? dy.Channels : 0,
                        Outer = dy.Height,
                        Inner = dy.Width,
                        Floor = float.NegativeInfinity,
                    });
                }
            }
        }
    }
}
