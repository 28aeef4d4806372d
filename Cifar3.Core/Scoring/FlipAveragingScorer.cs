using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Cifar3;

/// <summary>Scores each image as it is and mirrored, left to right, and gives the mean: what <see cref="ClassifierOptions.FlipAveraging"/> asks for, over any back end.</summary>
/// <param name="inner">What scores; disposed with this one.</param>
/// <param name="rowWidth">Numbers of an image's row.</param>
/// <param name="owner">What errors after a dispose call it. Default: this class.</param>
internal sealed class FlipAveragingScorer(IScorer inner, int rowWidth, Type? owner = null) : IScorer
{
    /// <summary>Images mirrored at once: 3 MB.</summary>
    private const int Chunk = 1024;

    private readonly UseCount uses = new(owner ?? typeof(FlipAveragingScorer), inner.Dispose); // one call here is several of the inner one

    /// <inheritdoc/>
    public ScoringBackend Backend => inner.Backend;

    /// <inheritdoc/>
    public string Device => inner.Device;

    /// <inheritdoc/>
    public int Threads => inner.Threads;

    /// <inheritdoc/>
    public int PieceSize => inner.PieceSize;

    /// <inheritdoc/>
    public void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities) => ScoreBothSides(pixels, probabilities, inner.Score);

    /// <inheritdoc/>
    public void ScorePiece(ReadOnlySpan<byte> pixels, Span<float> probabilities, CancellationToken cancellation) =>
        ScoreBothSides(pixels, probabilities, (images, scores) => inner.ScorePiece(images, scores, cancellation));

    /// <inheritdoc/>
    public void Dispose() => uses.Dispose();

    /// <summary>One image [32, 32, 3], left to right.</summary>
    internal static void Mirror(ReadOnlySpan<byte> image, Span<byte> mirrored)
    {
        const int Row = CnnArchitecture.InputSize * CnnArchitecture.InputChannels;
        for (int y = 0; y < CnnArchitecture.InputSize; y++)
        {
            // A pixel is three bytes, which keep their order.
            MemoryMarshal.Cast<byte, Pixel>(image.Slice(y * Row, Row)).CopyTo(MemoryMarshal.Cast<byte, Pixel>(mirrored.Slice(y * Row, Row)));
            MemoryMarshal.Cast<byte, Pixel>(mirrored.Slice(y * Row, Row)).Reverse();
        }
    }

    private void ScoreBothSides(ReadOnlySpan<byte> pixels, Span<float> probabilities, ScoreBatch score)
    {
        uses.Enter();
        try
        {
            score(pixels, probabilities);
            for (int first = 0, count = pixels.Length / CnnArchitecture.ImageBytes; first < count; first += Chunk)
            {
                AddMirrored(pixels, probabilities, first, score);
            }
        }
        finally
        {
            uses.Exit();
        }
    }

    private void AddMirrored(ReadOnlySpan<byte> pixels, Span<float> probabilities, int first, ScoreBatch score)
    {
        int images = Math.Min(Chunk, pixels.Length / CnnArchitecture.ImageBytes - first);
        byte[] mirrored = ArrayPool<byte>.Shared.Rent(images * CnnArchitecture.ImageBytes);
        float[] scores = ArrayPool<float>.Shared.Rent(images * rowWidth);
        try
        {
            for (int i = 0; i < images; i++)
            {
                Mirror(pixels.Slice((first + i) * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes), mirrored.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes));
            }

            var theirs = scores.AsSpan(0, images * rowWidth);
            score(mirrored.AsSpan(0, images * CnnArchitecture.ImageBytes), theirs);
            var rows = probabilities.Slice(first * rowWidth, images * rowWidth);
            TensorPrimitives.Add(rows, theirs, rows);
            TensorPrimitives.Multiply(rows, 0.5f, rows);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(mirrored);
            ArrayPool<float>.Shared.Return(scores);
        }
    }

    private delegate void ScoreBatch(ReadOnlySpan<byte> pixels, Span<float> probabilities);

    private readonly record struct Pixel(byte Red, byte Green, byte Blue);
}
