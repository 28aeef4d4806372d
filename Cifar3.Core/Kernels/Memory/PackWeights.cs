namespace Cifar3;

// Copies weights into the panels that Gemm reads: [columns / panel][rows][panel], the last panel as wide as what is left.
// w [rows, columns]: a convolution's rows are (kh, kw, ci), a dense layer's are features.
internal static unsafe class PackWeights
{
    public static void Forward(float* w, int rows, int columns, int panelWidth, float* packed)
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
    public static float* Transpose(float* source, int rows, int columns, int stride, float* packed)
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
