namespace Cifar3.Training;

// Copies weights into the panels that Gemm reads: [columns / panel][rows][panel], the last panel as wide as what is left.
//   Forward        rows (kh, kw, ci), columns co:  packed[kh, kw, ci | co] = w[kh, kw, ci, co]
//   BackwardInput  rows (kh, kw, co), columns ci:  packed[kh, kw, co | ci] = w[2 − kh, 2 − kw, ci, co]
// w is [groups, rows, columns] as in ParameterTensor; a dense kernel packs the same way (for it, no group is rotated).
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

    public static void BackwardInput(float* w, int inputs, int outputs, int panelWidth, float* packed)
    {
        for (int input = 0; input < inputs; input += panelWidth)
        {
            int width = Math.Min(panelWidth, inputs - input);
            for (int tap = 8; tap >= 0; tap--)
            {
                packed = Transpose(w + ((long)tap * inputs + input) * outputs, width, outputs, outputs, packed);
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
