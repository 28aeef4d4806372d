using System.Runtime.CompilerServices;

namespace Cifar3;

/// <summary>Operands of <see cref="DirectGemm"/>; all strides are in floats.</summary>
internal unsafe struct GemmTask
{
    /// <summary>A[row, outer, inner] = A[row·ARow + outer·AOuter + inner·AInner].</summary>
    public float* A;
    public nint ARow, AOuter, AInner;

    /// <summary>B[outer, inner, column] = B[outer·BOuter + inner·BInner + column].</summary>
    public float* B;
    public nint BOuter, BInner;

    /// <summary>C[row, column] = C[row·CRow + column].</summary>
    public float* C;
    public nint CRow;

    /// <summary>What the sums start from, [row·InitRow + column]: C itself to add to it, a bias or zeros with InitRow = 0.</summary>
    public float* Init;
    public nint InitRow;

    /// <summary>Lengths of the two nested sums.</summary>
    public int Outer, Inner;

    /// <summary>Smallest result: 0 for ReLU, −∞ for none.</summary>
    public float Floor;
}

// C[row, column] = max(Floor, Init[row, column] + Σ over outer, inner of A[row, outer, inner] · B[outer, inner, column])
//
// The sums of the direct convolution and of the dense layer, with other strides (WinogradGemm is the other product: packed panels on both
// sides and sums cut into chains, where this one walks two nested sums through an image and ends in a bias and a ReLU):
//   forward           rows = pixels of a row, outer = 3 kernel rows, inner = 3·Cin (A runs along the image, B along packed weights)
//   backward weights  rows = 3·Cin weights, outer = rows, inner = pixels           (A runs along channels, B along the gradient)
// Idea: a block of up to MaxRows × 2 vectors of C stays in registers through the whole sum; each step loads 2 vectors of B and
// broadcasts one float of A a row.
// Order of summation: outer, inner, one FMA chain an element: the same for any blocking into rows and columns.
// Columns are a multiple of the vector width; A, B, C need no alignment. Reference: DirectGemmTests.
// Measured on a Zen 4 core (peak 105-117 GFLOP/s): 100-112 GFLOP/s with 3·Cin of 96 to 384 on rows of 4 to 32 pixels, AVX-512 and AVX2.
internal static unsafe class DirectGemm
{
    /// <summary>Columns of a block: two vectors. Packed weights are cut into panels of this width.</summary>
    public static int PanelWidth<V>()
        where V : struct, ISimd<V> => 2 * V.Width;

    /// <summary>Computes rows × columns of C, columns being one panel or its last vector.</summary>
    public static void Run<V>(int rows, int columns, GemmTask task)
        where V : struct, ISimd<V>
    {
        // Blocks of equal height, or one row apart: the taller ones first.
        int blocks = (rows + V.MaxRows - 1) / V.MaxRows;
        (int height, int taller) = Math.DivRem(rows, blocks);
        if (taller > 0)
        {
            Choose<V>(height + 1, taller, columns, in task);
            int done = taller * (height + 1);
            task.A += done * task.ARow;
            task.C += done * task.CRow;
            task.Init += done * task.InitRow;
        }

        Choose<V>(height, blocks - taller, columns, in task);
    }

    private static void Choose<V>(int height, int blocks, int columns, in GemmTask task)
        where V : struct, ISimd<V>
    {
        if (columns == V.Width)
        {
            Choose<V, N1>(height, blocks, in task);
        }
        else
        {
            Choose<V, N2>(height, blocks, in task);
        }
    }

    private static void Choose<V, TColumns>(int height, int blocks, in GemmTask task)
        where V : struct, ISimd<V>
        where TColumns : struct, INumber
    {
        switch (height)
        {
            case 1: Blocks<V, N1, TColumns>(in task, blocks); break;
            case 2: Blocks<V, N2, TColumns>(in task, blocks); break;
            case 3: Blocks<V, N3, TColumns>(in task, blocks); break;
            case 4: Blocks<V, N4, TColumns>(in task, blocks); break;
            case 5: Blocks<V, N5, TColumns>(in task, blocks); break;
            case 6: Blocks<V, N6, TColumns>(in task, blocks); break;
            case 7: Blocks<V, N7, TColumns>(in task, blocks); break;
            default: Blocks<V, N8, TColumns>(in task, blocks); break;
        }
    }

    // Blocks of R rows, one below the other.
    // Conditions on R.Value and C.Value are constants to the JIT: what a smaller block does not use costs nothing.
    [MethodImpl(Jit.Kernel)]
    private static void Blocks<V, R, C>(in GemmTask task, int blocks)
        where V : struct, ISimd<V>
        where R : struct, INumber
        where C : struct, INumber
    {
        // Three rows a pointer: x86 addresses base, base + row and base + 2·row without an instruction of their own. Steps are in bytes for the same reason.
        nint row = task.ARow, row2 = 2 * row, aInner = task.AInner * sizeof(float), bInner = task.BInner * sizeof(float);
        nint initRow = task.InitRow, cRow = task.CRow;
        V floor = V.Broadcast(task.Floor);
        float* first = task.A, init = task.Init, c = task.C;
        for (; blocks > 0; blocks--, first += R.Value * row, init += R.Value * initRow, c += R.Value * cRow)
        {
            V c00, c01, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
            V c40 = default, c41 = default, c50 = default, c51 = default, c60 = default, c61 = default, c70 = default, c71 = default;
            Start<V, C>(init, out c00, out c01);
            if (R.Value > 1) Start<V, C>(init + initRow, out c10, out c11);
            if (R.Value > 2) Start<V, C>(init + 2 * initRow, out c20, out c21);
            if (R.Value > 3) Start<V, C>(init + 3 * initRow, out c30, out c31);
            if (R.Value > 4) Start<V, C>(init + 4 * initRow, out c40, out c41);
            if (R.Value > 5) Start<V, C>(init + 5 * initRow, out c50, out c51);
            if (R.Value > 6) Start<V, C>(init + 6 * initRow, out c60, out c61);
            if (R.Value > 7) Start<V, C>(init + 7 * initRow, out c70, out c71);

            for (int outer = 0; outer < task.Outer; outer++)
            {
                float* a = first + outer * task.AOuter;
                byte* a0 = (byte*)a, a3 = (byte*)(a + 3 * row), a6 = (byte*)(a + 6 * row);
                byte* b = (byte*)(task.B + outer * task.BOuter);
                for (int k = task.Inner; k != 0; k--)
                {
                    V b0 = V.Load((float*)b), b1 = C.Value > 1 ? V.Load((float*)b + V.Width) : default;
                    Step<V, C>((float*)a0, b0, b1, ref c00, ref c01);
                    if (R.Value > 1) Step<V, C>((float*)a0 + row, b0, b1, ref c10, ref c11);
                    if (R.Value > 2) Step<V, C>((float*)a0 + row2, b0, b1, ref c20, ref c21);
                    if (R.Value > 3) Step<V, C>((float*)a3, b0, b1, ref c30, ref c31);
                    if (R.Value > 4) Step<V, C>((float*)a3 + row, b0, b1, ref c40, ref c41);
                    if (R.Value > 5) Step<V, C>((float*)a3 + row2, b0, b1, ref c50, ref c51);
                    if (R.Value > 6) Step<V, C>((float*)a6, b0, b1, ref c60, ref c61);
                    if (R.Value > 7) Step<V, C>((float*)a6 + row, b0, b1, ref c70, ref c71);
                    a0 += aInner;
                    if (R.Value > 3) a3 += aInner;
                    if (R.Value > 6) a6 += aInner;
                    b += bInner;
                }
            }

            Finish<V, C>(c, floor, c00, c01);
            if (R.Value > 1) Finish<V, C>(c + cRow, floor, c10, c11);
            if (R.Value > 2) Finish<V, C>(c + 2 * cRow, floor, c20, c21);
            if (R.Value > 3) Finish<V, C>(c + 3 * cRow, floor, c30, c31);
            if (R.Value > 4) Finish<V, C>(c + 4 * cRow, floor, c40, c41);
            if (R.Value > 5) Finish<V, C>(c + 5 * cRow, floor, c50, c51);
            if (R.Value > 6) Finish<V, C>(c + 6 * cRow, floor, c60, c61);
            if (R.Value > 7) Finish<V, C>(c + 7 * cRow, floor, c70, c71);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Start<V, C>(float* init, out V c0, out V c1)
        where V : struct, ISimd<V>
        where C : struct, INumber
    {
        c0 = V.Load(init);
        c1 = C.Value > 1 ? V.Load(init + V.Width) : default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<V, C>(float* a, V b0, V b1, ref V c0, ref V c1)
        where V : struct, ISimd<V>
        where C : struct, INumber
    {
        V x = V.Broadcast(*a);
        V.Accumulate(ref c0, x, b0);
        if (C.Value > 1) V.Accumulate(ref c1, x, b1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<V, C>(float* c, V floor, V c0, V c1)
        where V : struct, ISimd<V>
        where C : struct, INumber
    {
        V.Store(c, V.Max(floor, c0));
        if (C.Value > 1) V.Store(c + V.Width, V.Max(floor, c1));
    }

    /// <summary>Copies weights into the panels that <see cref="Run"/> reads as B: [columns / panel][rows][panel], the last panel as wide as what is left.</summary>
    /// <param name="w">[rows, columns]: a convolution's rows are (kh, kw, ci), a dense layer's are features.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="panelWidth"><see cref="PanelWidth"/>.</param>
    /// <param name="packed">Receives rows · columns floats.</param>
    public static void Pack(float* w, int rows, int columns, int panelWidth, float* packed)
    {
        for (int column = 0; column < columns; column += panelWidth)
        {
            int width = Math.Min(panelWidth, columns - column);
            for (int row = 0; row < rows; row++, packed += width)
            {
                new ReadOnlySpan<float>(w + (long)row * columns + column, width).CopyTo(new Span<float>(packed, width));
            }
        }
    }

    /// <summary>packed[column, row] = source[row · stride + column]; returns the end of packed.</summary>
    public static float* PackTransposed(float* source, int rows, int columns, int stride, float* packed)
    {
        for (int column = 0; column < columns; column++)
        {
            for (int row = 0; row < rows; row++)
            {
                *packed++ = source[(long)row * stride + column];
            }
        }

        return packed;
    }
}
