using System.Collections.Immutable;

namespace Cifar3;

/// <summary>
/// Labelled 32×32 colour images in one compact block of memory: uint8 pixels in NHWC order and one label an image.
/// Every data source ends here, and the trainer and the ML.NET data views start here.
/// </summary>
/// <remarks>Immutable and safe to share between threads.</remarks>
public sealed class ImageSet
{
    private readonly byte[] pixels;
    private readonly int[] labels;

    /// <summary>Creates a set that owns the given arrays.</summary>
    /// <param name="pixels">Pixels [N, 32, 32, 3] (NHWC, red, green, blue), N·3,072 bytes. The caller must not change the array afterwards.</param>
    /// <param name="labels">One label an image, 0 to <c>classNames.Count − 1</c>. The caller must not change the array afterwards.</param>
    /// <param name="classNames">The classes' names; the index is the label.</param>
    /// <exception cref="Cifar3DataException">The sizes do not fit together or a label is out of range.</exception>
    public ImageSet(byte[] pixels, int[] labels, IEnumerable<string> classNames)
    {
        ClassNames = [.. classNames];
        if ((long)labels.Length * CnnArchitecture.ImageBytes != pixels.LongLength)
        {
            throw new Cifar3DataException($"{labels.Length:N0} labels need {(long)labels.Length * CnnArchitecture.ImageBytes:N0} bytes of pixels (32x32x3 an image). Received: {pixels.LongLength:N0}.");
        }

        int bad = labels.AsSpan().IndexOfAnyExceptInRange(0, ClassNames.Length - 1);
        if (bad >= 0)
        {
            throw new Cifar3DataException($"Label {labels[bad]} of image {bad:N0} is out of range. Expected 0 to {ClassNames.Length - 1} ({string.Join(", ", ClassNames)}).");
        }

        this.pixels = pixels;
        this.labels = labels;
    }

    /// <summary>Number of images.</summary>
    public int Count => labels.Length;

    /// <summary>Shape of the pixels: (N, 32, 32, 3).</summary>
    public (int Count, int Height, int Width, int Channels) Shape =>
        (Count, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels);

    /// <summary>The classes' names; the index is the label.</summary>
    public ImmutableArray<string> ClassNames { get; }

    /// <summary>All pixels [N, 32, 32, 3].</summary>
    public ReadOnlySpan<byte> Pixels => pixels;

    /// <summary>All labels [N].</summary>
    public ReadOnlySpan<int> Labels => labels;

    /// <summary>The pixels of one image [32, 32, 3].</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    /// <returns>3,072 bytes.</returns>
    public ReadOnlySpan<byte> Image(int index) => pixels.AsSpan(checked(index * CnnArchitecture.ImageBytes), CnnArchitecture.ImageBytes);

    /// <summary>The images at the given indices, in that order.</summary>
    /// <param name="indices">Each 0 to <see cref="Count"/> − 1; repeats are allowed.</param>
    /// <returns>A new set with the same class names.</returns>
    public ImageSet Select(ReadOnlySpan<int> indices)
    {
        var chosenPixels = new byte[checked(indices.Length * CnnArchitecture.ImageBytes)];
        var chosenLabels = new int[indices.Length];
        for (int i = 0; i < indices.Length; i++)
        {
            Image(indices[i]).CopyTo(chosenPixels.AsSpan(i * CnnArchitecture.ImageBytes));
            chosenLabels[i] = labels[indices[i]];
        }

        return new ImageSet(chosenPixels, chosenLabels, ClassNames);
    }

    /// <summary>The first images.</summary>
    /// <param name="count">How many, at most <see cref="Count"/>.</param>
    /// <returns>A new set.</returns>
    public ImageSet Take(int count) => Select([.. Enumerable.Range(0, Math.Min(count, Count))]);

    /// <summary>The same images in random order.</summary>
    /// <param name="seed">The same seed gives the same order everywhere.</param>
    /// <returns>A new set.</returns>
    public ImageSet Shuffle(int seed) => Select(new PhiloxRandom(seed, RandomStreams.DataShuffle).Permutation(Count));

    /// <inheritdoc/>
    public override string ToString() => $"({Count}, 32, 32, 3) uint8, {ClassNames.Length} classes: {string.Join(", ", ClassNames)}";
}
