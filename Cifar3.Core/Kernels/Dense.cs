namespace Cifar3;

// logit[image, c] = bias[c] + Σ over features f of x[image, f] · w[f, c]
// x  [images, features], images xStride floats apart, read          w  packed by DirectGemm.Pack, read; bias [classes], read
// logits [images, classes], written (=). Classes are padded to 16. Order of summation: features. Reference: EngineContract.
internal static unsafe class Dense
{
    public static void Forward<V>(float* x, nint xStride, int images, int features, int classes, float* packed, float* bias, float* logits)
        where V : struct, ISimd<V>
    {
        for (int column = 0; column < classes; column += DirectGemm.PanelWidth<V>())
        {
            int columns = Math.Min(DirectGemm.PanelWidth<V>(), classes - column);
            DirectGemm.Run<V>(images, columns, new GemmTask
            {
                A = x,
                ARow = xStride,
                AInner = 1,
                B = packed + (long)column * features,
                BInner = columns,
                C = logits + column,
                CRow = classes,
                Init = bias + column,
                InitRow = 0,
                Outer = 1,
                Mid = 1,
                Inner = features,
                Floor = float.NegativeInfinity,
            });
        }
    }
}
