using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Cifar3;

/// <summary>Operands of <see cref="WinogradGemm"/>; all strides are in floats.</summary>
internal unsafe struct MatrixProduct
{
    /// <summary>A[row, k] = A[row·ARow + k·AStep]; ARow or AStep is 1.</summary>
    public float* A;
    public nint ARow, AStep;

    /// <summary>B[k, column] = B[panel·BPanel + k·BStep + column within the panel]. Where ARow is not 1, B is packed: BStep is a panel's columns.</summary>
    public float* B;
    public nint BStep, BPanel;

    /// <summary>C[row, column] = C[panel·CPanel + row·CRow + column within the panel].</summary>
    public float* C;
    public nint CRow, CPanel;

    public int Rows, Columns, Depth;

    /// <summary>What is asked for meanwhile; null = nothing.</summary>
    public MemoryAhead* Ahead;

    /// <summary>Longest sum in registers: a longer one is cut into runs of this length, whose sums are added up. Shorter runs round less.</summary>
    public int Chain;
}

// C[row, column] = or += Σ over k of A[row, k] · B[k, column]      A [Rows, Depth], B [Depth, Columns], C [Rows, Columns]
//
// The small products of the Winograd convolutions, one a point. Columns are cut into panels of two vectors (the last may be one):
// B and C are packed by panels (weights), or row-major with BPanel, CPanel = two vectors (tiles).
// Idea: a block of up to V.MaxRows × 2 vectors of C stays in registers through the sum; a step loads two vectors of B and broadcasts
// one float of A a row, shared by two multiplications. Four steps are written out, with a pointer a row, so that what a step reads is an
// address of its loads and no instruction of its own: where another program runs on the core's second hardware thread, a core takes in
// half as many instructions a cycle, and every one beside the multiplications then costs time (a step of training: 3 %). Eight steps are
// too many: the JIT's budget for inlining ends within them (Jit.Kernel).
// Order of summation: k ascending, FMA chains of Chain products that start at 0, finished chains added to C in order. Independent of blocking.
// Columns are a multiple of the vector width; no operand needs alignment. One row: WinogradRow. Reference: WinogradGemmTests.
// Measured on one Zen 4 core, AVX-512 (peak 105-117 GFLOP/s), sums of 32 to 128: 101-116 GFLOP/s; += with sums of 8: 97.
internal static unsafe class WinogradGemm
{
    /// <summary>C = A·B.</summary>
    public static void Multiply<V>(in MatrixProduct product)
        where V : struct, ISimd<V>
    {
        if (product.Rows > 1)
        {
            Panels<V, N0>(in product, 0);
            return;
        }

        int done = WinogradRow.Multiply<V>(in product);
        if (done < product.Columns)
        {
            Panels<V, N0>(in product, done);
        }
    }

    /// <summary>C += A·B.</summary>
    public static void MultiplyAdd<V>(in MatrixProduct product)
        where V : struct, ISimd<V> => Panels<V, N1>(in product, 0);

    private static void Panels<V, TAdd>(in MatrixProduct product, int first)
        where V : struct, ISimd<V>
        where TAdd : struct, INumber
    {
        var block = product;
        int panel = 2 * V.Width;
        for (int column = first; column < product.Columns; column += panel)
        {
            bool narrow = product.Columns - column == V.Width;
            if (narrow)
            {
                block.BStep = product.BStep == panel ? V.Width : product.BStep; // a packed panel is as narrow as its columns
                block.CRow = product.CRow == panel ? V.Width : product.CRow;
            }

            float* b = product.B + column / panel * product.BPanel, c = product.C + column / panel * product.CPanel;
            for (int k = 0; k < product.Depth; k += product.Chain)
            {
                block.A = product.A + k * product.AStep;
                block.B = b + k * block.BStep;
                block.C = c;
                block.Depth = Math.Min(product.Chain, product.Depth - k);
                if (k == 0)
                {
                    Rows<V, TAdd>(ref block, narrow);
                }
                else
                {
                    Rows<V, N1>(ref block, narrow);
                }
            }
        }
    }

    // Blocks of equal height, or one row apart: the taller ones first.
    private static void Rows<V, TAdd>(ref MatrixProduct rows, bool narrow)
        where V : struct, ISimd<V>
        where TAdd : struct, INumber
    {
        if (rows.Ahead != null)
        {
            rows.Ahead->Advance();
        }

        int blocks = (rows.Rows + V.MaxRows - 1) / V.MaxRows;
        (int height, int taller) = Math.DivRem(rows.Rows, blocks);
        if (taller > 0)
        {
            Choose<V, TAdd>(height + 1, taller, in rows, narrow);
            rows.A += taller * (height + 1) * rows.ARow;
            rows.C += taller * (height + 1) * rows.CRow;
        }

        Choose<V, TAdd>(height, blocks - taller, in rows, narrow);
    }

    private static void Choose<V, TAdd>(int height, int blocks, in MatrixProduct rows, bool narrow)
        where V : struct, ISimd<V>
        where TAdd : struct, INumber
    {
        switch (narrow, rows.ARow == 1)
        {
            case (false, false): Choose<V, N2, TAdd, N0>(height, blocks, in rows); break;
            case (false, true): Choose<V, N2, TAdd, N1>(height, blocks, in rows); break;
            case (true, false): Choose<V, N1, TAdd, N0>(height, blocks, in rows); break;
            default: Choose<V, N1, TAdd, N1>(height, blocks, in rows); break;
        }
    }

    private static void Choose<V, TColumns, TAdd, TAcross>(int height, int blocks, in MatrixProduct rows)
        where V : struct, ISimd<V>
        where TColumns : struct, INumber
        where TAdd : struct, INumber
        where TAcross : struct, INumber
    {
        switch (height)
        {
            case 1: Blocks<V, N1, TColumns, TAdd, TAcross>(in rows, blocks); break;
            case 2: Blocks<V, N2, TColumns, TAdd, TAcross>(in rows, blocks); break;
            case 3: Blocks<V, N3, TColumns, TAdd, TAcross>(in rows, blocks); break;
            case 4: Blocks<V, N4, TColumns, TAdd, TAcross>(in rows, blocks); break;
            case 5: Blocks<V, N5, TColumns, TAdd, TAcross>(in rows, blocks); break;
            case 6: Blocks<V, N6, TColumns, TAdd, TAcross>(in rows, blocks); break;
            case 7: Blocks<V, N7, TColumns, TAdd, TAcross>(in rows, blocks); break;
            default: Blocks<V, N8, TColumns, TAdd, TAcross>(in rows, blocks); break;
        }
    }

    // Blocks of R rows, one below the other. Across: a step's rows lie side by side (ARow 1), else its steps do (AStep 1).
    // Conditions on R.Value, C.Value, Add.Value and Across.Value are constants to the JIT: what a smaller block does not use costs nothing.
    [MethodImpl(Jit.Kernel)]
    private static void Blocks<V, R, C, Add, Across>(in MatrixProduct rows, int blocks)
        where V : struct, ISimd<V>
        where R : struct, INumber
        where C : struct, INumber
        where Add : struct, INumber
        where Across : struct, INumber
    {
        nint row = Across.Value > 0 ? 1 : rows.ARow, aStep = rows.AStep * sizeof(float), bStep = rows.BStep * sizeof(float); // steps in bytes: additions alone
        float* a = rows.A, c = rows.C;
        byte* line = null, lines = null;
        if (rows.Ahead != null)
        {
            line = rows.Ahead->Next;
            lines = rows.Ahead->End;
        }

        for (; blocks > 0; blocks--, a += R.Value * row, c += R.Value * rows.CRow)
        {
            V zero = V.Broadcast(0);
            V c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
            V c40 = zero, c41 = zero, c50 = zero, c51 = zero, c60 = zero, c61 = zero, c70 = zero, c71 = zero;
            float* a0 = a, a1 = a + row, a2 = a + 2 * row, a3 = a + 3 * row, a4 = a + 4 * row, a5 = a + 5 * row, a6 = a + 6 * row, a7 = a + 7 * row;
            float* b = rows.B;
            int k = rows.Depth;
            for (; k >= 4; k -= 4)
            {
                if (Sse.IsSupported && line < lines)
                {
                    Sse.Prefetch1(line);
                    Sse.Prefetch1(line + MemoryAhead.Line);
                    line += 2 * MemoryAhead.Line;
                }

                Steps<V, R, C, Across>(0, b, a0, a1, a2, a3, a4, a5, a6, a7, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51, ref c60, ref c61, ref c70, ref c71);
                if (Across.Value > 0) Advance(ref a0, ref b, aStep, bStep);
                Steps<V, R, C, Across>(1, b, a0, a1, a2, a3, a4, a5, a6, a7, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51, ref c60, ref c61, ref c70, ref c71);
                if (Across.Value > 0) Advance(ref a0, ref b, aStep, bStep);
                Steps<V, R, C, Across>(2, b, a0, a1, a2, a3, a4, a5, a6, a7, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51, ref c60, ref c61, ref c70, ref c71);
                if (Across.Value > 0) Advance(ref a0, ref b, aStep, bStep);
                Steps<V, R, C, Across>(3, b, a0, a1, a2, a3, a4, a5, a6, a7, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51, ref c60, ref c61, ref c70, ref c71);
                if (Across.Value > 0) Advance(ref a0, ref b, aStep, bStep);
                else Advance<V, R, C>(4, ref b, ref a0, ref a1, ref a2, ref a3, ref a4, ref a5, ref a6, ref a7);
            }

            for (; k > 0; k--)
            {
                Steps<V, R, C, Across>(0, b, a0, a1, a2, a3, a4, a5, a6, a7, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51, ref c60, ref c61, ref c70, ref c71);
                if (Across.Value > 0) Advance(ref a0, ref b, aStep, bStep);
                else Advance<V, R, C>(1, ref b, ref a0, ref a1, ref a2, ref a3, ref a4, ref a5, ref a6, ref a7);
            }

            nint cRow = rows.CRow;
            Finish<V, C, Add>(c, c00, c01);
            if (R.Value > 1) Finish<V, C, Add>(c + cRow, c10, c11);
            if (R.Value > 2) Finish<V, C, Add>(c + 2 * cRow, c20, c21);
            if (R.Value > 3) Finish<V, C, Add>(c + 3 * cRow, c30, c31);
            if (R.Value > 4) Finish<V, C, Add>(c + 4 * cRow, c40, c41);
            if (R.Value > 5) Finish<V, C, Add>(c + 5 * cRow, c50, c51);
            if (R.Value > 6) Finish<V, C, Add>(c + 6 * cRow, c60, c61);
            if (R.Value > 7) Finish<V, C, Add>(c + 7 * cRow, c70, c71);
        }

        if (rows.Ahead != null)
        {
            rows.Ahead->Next = line;
        }
    }

    // One step, or where steps lie side by side the k-th from here. Each address is written out where it is used: kept as a value of its own, it would be an instruction.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Steps<V, R, C, Across>(
        int k, float* b, float* a0, float* a1, float* a2, float* a3, float* a4, float* a5, float* a6, float* a7,
        ref V c00, ref V c01, ref V c10, ref V c11, ref V c20, ref V c21, ref V c30, ref V c31,
        ref V c40, ref V c41, ref V c50, ref V c51, ref V c60, ref V c61, ref V c70, ref V c71)
        where V : struct, ISimd<V>
        where R : struct, INumber
        where C : struct, INumber
        where Across : struct, INumber
    {
        V b0 = V.Load(Across.Value > 0 ? b : b + k * C.Value * V.Width);
        V b1 = C.Value == 1 ? default : V.Load(Across.Value > 0 ? b + V.Width : b + (k * C.Value + 1) * V.Width);
        Step<V, C>(Across.Value > 0 ? a0 : a0 + k, b0, b1, ref c00, ref c01);
        if (R.Value > 1) Step<V, C>(Across.Value > 0 ? a0 + 1 : a1 + k, b0, b1, ref c10, ref c11);
        if (R.Value > 2) Step<V, C>(Across.Value > 0 ? a0 + 2 : a2 + k, b0, b1, ref c20, ref c21);
        if (R.Value > 3) Step<V, C>(Across.Value > 0 ? a0 + 3 : a3 + k, b0, b1, ref c30, ref c31);
        if (R.Value > 4) Step<V, C>(Across.Value > 0 ? a0 + 4 : a4 + k, b0, b1, ref c40, ref c41);
        if (R.Value > 5) Step<V, C>(Across.Value > 0 ? a0 + 5 : a5 + k, b0, b1, ref c50, ref c51);
        if (R.Value > 6) Step<V, C>(Across.Value > 0 ? a0 + 6 : a6 + k, b0, b1, ref c60, ref c61);
        if (R.Value > 7) Step<V, C>(Across.Value > 0 ? a0 + 7 : a7 + k, b0, b1, ref c70, ref c71);
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
    private static void Advance(ref float* a, ref float* b, nint aStep, nint bStep)
    {
        a = (float*)((byte*)a + aStep);
        b = (float*)((byte*)b + bStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Advance<V, R, C>(
        int steps, ref float* b, ref float* a0, ref float* a1, ref float* a2, ref float* a3, ref float* a4, ref float* a5, ref float* a6, ref float* a7)
        where V : struct, ISimd<V>
        where R : struct, INumber
        where C : struct, INumber
    {
        b += steps * C.Value * V.Width;
        a0 += steps;
        if (R.Value > 1) a1 += steps;
        if (R.Value > 2) a2 += steps;
        if (R.Value > 3) a3 += steps;
        if (R.Value > 4) a4 += steps;
        if (R.Value > 5) a5 += steps;
        if (R.Value > 6) a6 += steps;
        if (R.Value > 7) a7 += steps;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<V, C, Add>(float* c, V c0, V c1)
        where V : struct, ISimd<V>
        where C : struct, INumber
        where Add : struct, INumber
    {
        V.Store(c, Add.Value > 0 ? V.Load(c) + c0 : c0);
        if (C.Value > 1) V.Store(c + V.Width, Add.Value > 0 ? V.Load(c + V.Width) + c1 : c1);
    }
}
