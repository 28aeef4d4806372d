using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Cifar3;

/// <summary>Images First to End − 1, whose activations a convolution is about to touch.</summary>
internal readonly record struct ImagesAhead(int First, int End);

/// <summary>Memory that a convolution is about to touch: asked for line by line while its products run (<see cref="WinogradGemm"/>), which need none of it.</summary>
/// <remarks>
/// A batch's activations are larger than a core's own cache. Tiles jump from row to row, from one page of memory to another, where no processor reads ahead by
/// itself: half of the time of a training step's transforms was waiting. A core has ten to a dozen lines on their way, and who asks for more waits too: so they are asked for
/// between multiplications, two lines in four steps of a sum, not all at once between two products (a step takes .95 of its time on a Cascade Lake core with AVX-512, .98 with AVX2).
/// </remarks>
internal unsafe struct MemoryAhead
{
    /// <summary>Bytes that a core reads at once.</summary>
    public const int Line = 64;

    private const int Most = 4; // an output with its routes, or two gradients' sources, and an input

    private Ranges ranges;
    private int count, current;

    /// <summary>The next line to ask for, and where to end. Empty at first, and where a range is done: <see cref="Advance"/> then.</summary>
    public byte* Next, End;

    /// <summary>Adds what images have in an array. No more than four arrays a block of tiles.</summary>
    /// <param name="images">Which images.</param>
    /// <param name="memory">Image 0; null = nothing to ask for.</param>
    /// <param name="imageBytes">From an image to the next.</param>
    public void Add(in ImagesAhead images, byte* memory, nint imageBytes)
    {
        if (Sse.IsSupported && memory != null && images.End > images.First)
        {
            ranges[count++] = new Range((nint)memory + images.First * imageBytes, (images.End - images.First) * imageBytes);
        }
    }

    /// <summary>Forgets what is not asked for yet: it is too late for it.</summary>
    public void Clear()
    {
        count = current = 0;
        Next = End = null;
    }

    /// <summary>Goes on to the next range where one is done.</summary>
    public void Advance()
    {
        if (Next >= End && current < count)
        {
            var range = ranges[current++];
            Next = (byte*)range.First;
            End = Next + range.Bytes;
        }
    }

    [InlineArray(Most)]
    private struct Ranges
    {
        private Range first;
    }

    private readonly record struct Range(nint First, nint Bytes);
}
