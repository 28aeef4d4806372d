using System.Buffers;
using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>Reads one image as pixels [32, 32, 3].</summary>
/// <param name="item">The image in whatever form.</param>
/// <param name="index">Its number, from 0, for errors.</param>
/// <param name="pixels">Receives the pixels.</param>
internal delegate void PixelReader<in T>(T item, long index, Span<byte> pixels);

/// <summary>An image that was left out.</summary>
/// <param name="Before">How many predictions of its piece come before it.</param>
/// <param name="Index">Its number in the stream, from 0.</param>
/// <param name="Error">What is wrong with it.</param>
internal readonly record struct SkippedImage(int Before, long Index, Cifar3ImageException Error);

/// <summary>What became of one piece of a stream.</summary>
/// <param name="Predictions">Of the good images, in order, up to the one that ends the stream.</param>
/// <param name="Skipped">The bad images that were left out, in order.</param>
/// <param name="Error">What ends the stream after these predictions; null where nothing does.</param>
internal readonly record struct PieceResult(Prediction[] Predictions, IReadOnlyList<SkippedImage> Skipped, ExceptionDispatchInfo? Error);

/// <summary>Decodes and scores the images of a piece, one after the other, on the calling thread.</summary>
internal static class PieceScorer
{
    /// <summary>Scores the images; up to the first that cannot be read, or without those.</summary>
    /// <param name="scorer">What scores.</param>
    /// <param name="rows">What it writes for an image.</param>
    /// <param name="items">The images.</param>
    /// <param name="first">Number of the first in its stream, for errors.</param>
    /// <param name="read">Decodes.</param>
    /// <param name="skipsBad">Whether an image that cannot be read is left out rather than the end of the stream.</param>
    /// <param name="cancellation">Looked at before each image: the work ends within one image's time.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static PieceResult Score<T>(IScorer scorer, ScoreRows rows, IReadOnlyList<T> items, long first, PixelReader<T> read, bool skipsBad, CancellationToken cancellation)
    {
        int width = rows.Width, good = 0;
        byte[] pixels = ArrayPool<byte>.Shared.Rent(items.Count * CnnArchitecture.ImageBytes);
        float[] probabilities = ArrayPool<float>.Shared.Rent(items.Count * width);
        ExceptionDispatchInfo? error = null;
        List<SkippedImage> skipped = [];
        try
        {
            try
            {
                for (int i = 0; i < items.Count; i++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    var item = items[i] ?? throw new ArgumentException($"Item {first + i} is null. Leave it out.");
                    try
                    {
                        read(item, first + i, pixels.AsSpan(good * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes));
                        good++;
                    }
                    catch (Cifar3ImageException e) when (skipsBad)
                    {
                        skipped.Add(new SkippedImage(good, first + i, e));
                    }
                }
            }
            catch (Exception e) when (!cancellation.IsCancellationRequested)
            {
                error = ExceptionDispatchInfo.Capture(e); // thrown again where this image's prediction would have been
            }

            scorer.ScorePiece(pixels.AsSpan(0, good * CnnArchitecture.ImageBytes), probabilities.AsSpan(0, good * width), cancellation);
            return new PieceResult(rows.ReadAll(probabilities.AsSpan(0, good * width)), skipped, error);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pixels);
            ArrayPool<float>.Shared.Return(probabilities);
        }
    }
}
