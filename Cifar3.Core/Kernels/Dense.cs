using System.Runtime.CompilerServices;

namespace Cifar3;

// The dense layer:
//   Forward           logit[image, c] = bias[c] + Σ over features f of x[image, f] · w[f, c]
//   BackwardInput     dx[image, f] = Σ over classes c of dy[image, c] · w[f, c]
//   BackwardWeights   dw[f, c] = Σ over images of x[image, f] · dy[image, c]
//   BackwardBias      db[c] += Σ over images of dy[image, c], in double
// x, dx   [images, features], images xStride floats apart; x read, dx written (=)
// w       packed by DirectGemm.Pack (forward), or transposed by PackTransposed (backward), read; bias [classes], read
// logits  [images, classes], written (=); dy [images, classes], read; dw [features, classes], written (=). Classes are padded to 16.
// Order of summation: features; classes; images. Reference: EngineContract.
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
                Inner = features,
                Floor = float.NegativeInfinity,
            });
        }
    }

    /// <summary>w as <see cref="BackwardInput"/> reads it: panels of features, [features / panel][classes][panel].</summary>
    public static void PackTransposed<V>(float* w, int features, int classes, float* packed)
        where V : struct, ISimd<V>
    {
        int panel = DirectGemm.PanelWidth<V>();
        for (int feature = 0; feature < features; feature += panel)
        {
            packed = DirectGemm.PackTransposed(w + (long)feature * classes, Math.Min(panel, features - feature), classes, classes, packed);
        }
    }

    /// <summary>dx; zeros holds a panel of zeros.</summary>
    public static void BackwardInput<V>(float* dy, int images, int features, int classes, float* packedTransposed, float* dx, nint xStride, float* zeros)
        where V : struct, ISimd<V>
    {
        for (int column = 0; column < features; column += DirectGemm.PanelWidth<V>())
        {
            int columns = Math.Min(DirectGemm.PanelWidth<V>(), features - column);
            DirectGemm.Run<V>(images, columns, new GemmTask
            {
                A = dy,
                ARow = classes,
                AInner = 1,
                B = packedTransposed + (long)column * classes,
                BInner = columns,
                C = dx + column,
                CRow = xStride,
                Init = zeros,
                InitRow = 0,
                Outer = 1,
                Inner = classes,
                Floor = float.NegativeInfinity,
            });
        }
    }

    /// <summary>dw; zeros holds a panel of zeros.</summary>
    public static void BackwardWeights<V>(float* x, nint xStride, int images, int features, int classes, float* dy, float* dw, float* zeros)
        where V : struct, ISimd<V>
    {
        for (int column = 0; column < classes; column += DirectGemm.PanelWidth<V>())
        {
            DirectGemm.Run<V>(features, Math.Min(DirectGemm.PanelWidth<V>(), classes - column), new GemmTask
            {
                A = x,
                ARow = 1,
                AInner = xStride,
                B = dy + column,
                BInner = classes,
                C = dw + column,
                CRow = classes,
                Init = zeros,
                InitRow = 0,
                Outer = 1,
                Inner = images,
                Floor = float.NegativeInfinity,
            });
        }
    }

    /// <summary>db.</summary>
    [MethodImpl(Jit.Kernel)]
    public static void BackwardBias<V>(float* dy, int images, int classes, double* db)
        where V : struct, ISimd<V>
    {
        for (; images > 0; images--, dy += classes)
        {
            for (int c = 0; c < classes; c += V.Width)
            {
                V.AddTo(db + c, V.Load(dy + c));
            }
        }
    }
}
