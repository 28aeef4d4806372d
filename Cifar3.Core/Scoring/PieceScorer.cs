using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>Reads one image as pixels [32, 32, 3].</summary>
/// <param name="item">The image in whatever form.</param>
/// <param name="index">Its number, from 0, for errors.</param>
/// <param name="pixels">Receives the pixels.</param>
internal delegate void PixelReader<in T>(T item, long index, Span<byte> pixels);

/// <summary>What became of one piece of a stream: the predictions up to the first bad image, and its error; null where all were good.</summary>
internal readonly record struct PieceResult(Prediction[] Predictions, ExceptionDispatchInfo? Error);

/// <summary>Decodes and scores the images of a piece, one after the other, on the calling thread.</summary>
internal static class PieceScorer
{
    /// <summary>Scores the images up to the first that cannot be read.</summary>
    /// <param name="scorer">What scores.</param>
    /// <param name="classNames">The classes.</param>
    /// <param name="items">The images.</param>
    /// <param name="first">Number of the first in its stream, for errors.</param>
    /// <param name="read">Decodes.</param>
    /// <param name="cancellation">Looked at before each image: the work ends within one image's time.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static PieceResult Score<T>(IScorer scorer, ImmutableArray<string> classNames, IReadOnlyList<T> items, long first, PixelReader<T> read, CancellationToken cancellation)
    {
        int classes = classNames.Length, good = 0;
        byte[] pixels = ArrayPool<byte>.Shared.Rent(items.Count * CnnArchitecture.ImageBytes);
        float[] probabilities = ArrayPool<float>.Shared.Rent(items.Count * classes);
        ExceptionDispatchInfo? error = null;
        try
        {
            try
            {
                for (; good < items.Count; good++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    var item = items[good] ?? throw new ArgumentException($"Item {first + good} is null.", nameof(items));
                    read(item, first + good, pixels.AsSpan(good * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes));
                }
            }
            catch (Exception e) when (!cancellation.IsCancellationRequested)
            {
                error = ExceptionDispatchInfo.Capture(e); // thrown again where this image's prediction would have been
            }

            scorer.ScorePiece(pixels.AsSpan(0, good * CnnArchitecture.ImageBytes), probabilities.AsSpan(0, good * classes), cancellation);
            return new PieceResult(Prediction.Batch(classNames, probabilities.AsSpan(0, good * classes)), error);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pixels);
            ArrayPool<float>.Shared.Return(probabilities);
        }
    }
}
