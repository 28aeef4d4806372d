using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>Reads one image as pixels [32, 32, 3].</summary>
internal delegate void PixelReader<in T>(T item, int index, Span<byte> pixels);

/// <summary>Decodes a list of images on all cores, a bounded piece at a time.</summary>
internal static class ParallelDecoder
{
    /// <summary>Images of one piece: 0.75 MB of pixels.</summary>
    public const int Piece = 256;

    /// <summary>Pieces of pixels [n, 32, 32, 3], in order; the memory of one piece is reused for the next.</summary>
    /// <exception cref="Cifar3ImageException">An image cannot be read: the error of the first, as it was thrown, not wrapped.</exception>
    public static IEnumerable<ReadOnlyMemory<byte>> Decode<T>(IReadOnlyList<T> items, PixelReader<T> read)
    {
        var pixels = new byte[Math.Min(Piece, items.Count) * CnnArchitecture.ImageBytes];
        for (int start = 0; start < items.Count; start += Piece)
        {
            int first = start, count = Math.Min(Piece, items.Count - start);
            var errors = new ExceptionDispatchInfo?[count];
            Parallel.For(0, count, i =>
            {
                try
                {
                    var item = items[first + i] ?? throw new ArgumentException($"Item {first + i} is null.", nameof(items));
                    read(item, first + i, pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes));
                }
                catch (Exception e)
                {
                    errors[i] = ExceptionDispatchInfo.Capture(e);
                }
            });
            Array.Find(errors, error => error is not null)?.Throw();
            yield return pixels.AsMemory(0, count * CnnArchitecture.ImageBytes);
        }
    }
}
