using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>Reads one image as pixels [32, 32, 3].</summary>
/// <param name="item">The image in whatever form.</param>
/// <param name="index">Its number, from 0, for errors.</param>
/// <param name="pixels">Receives the pixels.</param>
internal delegate void PixelReader<in T>(T item, long index, Span<byte> pixels);

/// <summary>Decodes and scores the images of a piece, one after the other, on the calling thread.</summary>
internal static class PieceScorer
{
    /// <summary>Scores the images up to the first that cannot be read.</summary>
    public static PieceResult Score<T>(IScorer scorer, ImmutableArray<string> classNames, IReadOnlyList<T> items, long first, PixelReader<T> read)
    {
        int classes = classNames.Length, good = 0;
        byte[] pixels = ArrayPool<byte>.Shared.Rent(items.Count * CnnArchitecture.ImageBytes);
        float[] probabilities = ArrayPool<float>.Shared.Rent(items.Count * classes);
        ExceptionDispatchInfo? error = null;
        try
        {
            for (; good < items.Count; good++)
            {
                var item = items[good] ?? throw new ArgumentException($"Item {first + good} is null.", nameof(items));
                read(item, first + good, pixels.AsSpan(good * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes));
            }
        }
#pragma warning disable CA1031 // whatever it is, it is thrown again where this image's prediction would have been
        catch (Exception e)
#pragma warning restore CA1031
        {
            error = ExceptionDispatchInfo.Capture(e);
        }

        try
        {
            scorer.RunPiece(pixels.AsSpan(0, good * CnnArchitecture.ImageBytes), probabilities.AsSpan(0, good * classes));
            return new PieceResult(Prediction.Batch(classNames, probabilities.AsSpan(0, good * classes)), error);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pixels);
            ArrayPool<float>.Shared.Return(probabilities);
        }
    }
}
