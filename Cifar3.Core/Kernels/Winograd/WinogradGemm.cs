using System.Runtime.CompilerServices;

namespace Cifar3;

/// <summary>Operands of <see cref="WinogradGemm"/>; all strides are in floats.</summary>
internal unsafe struct MatrixProduct
{
    /// <summary>A[row, k] = A[row·ARow + k·AStep].</summary>
    public float* A;
    public nint ARow, AStep;

    /// <summary>B[k, column] = B[panel·BPanel + k·BStep + column within the panel].</summary>
    public float* B;
    public nint BStep, BPanel;

    /// <summary>C[row, column] = C[panel·CPanel + row·CRow + column within the panel].</summary>
    public float* C;
    public nint CRow, CPanel;

    public int Rows, Columns, Depth;

    /// <summary>Longest sum in registers: a longer one is cut into runs of this length, whose sums are added up. Shorter runs round less.</summary>
    public int Chain;
}

// C[row, column] = or += Σ over k of A[row, k] · B[k, column]      A [Rows, Depth], B [Depth, Columns], C [Rows, Columns]
//
// The small products of the Winograd convolutions, one a point. Columns are cut into panels of two vectors (the last may be one):
// B and C are packed by panels (weights), or row-major with BPanel, CPanel = two vectors (tiles).
// Idea: a block of up to V.MaxRows × 2 vectors of C stays in registers through the sum; a step loads two vectors of B and broadcasts
// one float of A a row, shared by two multiplications.
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

    private static void Rows<V, TAdd>(ref MatrixProduct block, bool narrow)
        where V : struct, ISimd<V>
        where TAdd : struct, INumber
    {
        int blocks = (block.Rows + V.MaxRows - 1) / V.MaxRows;
        for (int done = 0, i = 1; i <= blocks; i++)
        {
            int height = block.Rows * i / blocks - done; // blocks of equal height, or one row apart
            if (narrow)
            {
                Dispatch<V, N1, TAdd>(height, in block);
            }
            else
            {
                Dispatch<V, N2, TAdd>(height, in block);
            }

            block.A += height * block.ARow;
            block.C += height * block.CRow;
            done += height;
        }
    }

    private static void Dispatch<V, TColumns, TAdd>(int height, in MatrixProduct block)
        where V : struct, ISimd<V>
        where TColumns : struct, INumber
        where TAdd : struct, INumber
    {
        switch (height)
        {
            case 1: Block<V, N1, TColumns, TAdd>(in block); break;
            case 2: Block<V, N2, TColumns, TAdd>(in block); break;
            case 3: Block<V, N3, TColumns, TAdd>(in block); break;
            case 4: Block<V, N4, TColumns, TAdd>(in block); break;
            case 5: Block<V, N5, TColumns, TAdd>(in block); break;
            case 6: Block<V, N6, TColumns, TAdd>(in block); break;
            case 7: Block<V, N7, TColumns, TAdd>(in block); break;
            default: Block<V, N8, TColumns, TAdd>(in block); break;
        }
    }

    // Conditions on R.Value, C.Value and Add.Value are constants to the JIT: what a smaller block does not use costs nothing.
    [MethodImpl(Jit.Kernel)]
    private static void Block<V, R, C, Add>(in MatrixProduct block)
        where V : struct, ISimd<V>
        where R : struct, INumber
        where C : struct, INumber
        where Add : struct, INumber
    {
        V zero = V.Broadcast(0);
        V c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
        V c40 = zero, c41 = zero, c50 = zero, c51 = zero, c60 = zero, c61 = zero, c70 = zero, c71 = zero;

        // Three rows a pointer: x86 addresses base, base + row and base + 2·row without an instruction of their own. Steps are in bytes
        // for the same reason.
        nint row = block.ARow, row2 = 2 * row, aStep = block.AStep * sizeof(float), bStep = block.BStep * sizeof(float);
        byte* a0 = (byte*)block.A, a3 = (byte*)(block.A + 3 * row), a6 = (byte*)(block.A + 6 * row), b = (byte*)block.B;
        for (int k = block.Depth; k != 0; k--)
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
            a0 += aStep;
            if (R.Value > 3) a3 += aStep;
            if (R.Value > 6) a6 += aStep;
            b += bStep;
        }

        float* c = block.C;
        nint cRow = block.CRow;
        Finish<V, C, Add>(c, c00, c01);
        if (R.Value > 1) Finish<V, C, Add>(c + cRow, c10, c11);
        if (R.Value > 2) Finish<V, C, Add>(c + 2 * cRow, c20, c21);
        if (R.Value > 3) Finish<V, C, Add>(c + 3 * cRow, c30, c31);
        if (R.Value > 4) Finish<V, C, Add>(c + 4 * cRow, c40, c41);
        if (R.Value > 5) Finish<V, C, Add>(c + 5 * cRow, c50, c51);
        if (R.Value > 6) Finish<V, C, Add>(c + 6 * cRow, c60, c61);
        if (R.Value > 7) Finish<V, C, Add>(c + 7 * cRow, c70, c71);
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
    private static void Finish<V, C, Add>(float* c, V c0, V c1)
        where V : struct, ISimd<V>
        where C : struct, INumber
        where Add : struct, INumber
    {
        V.Store(c, Add.Value > 0 ? V.Load(c) + c0 : c0);
        if (C.Value > 1) V.Store(c + V.Width, Add.Value > 0 ? V.Load(c + V.Width) + c1 : c1);
    }

    private readonly struct N0 : INumber
    {
        public static int Value => 0;
    }
}
