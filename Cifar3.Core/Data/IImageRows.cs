using System.Collections.Immutable;

namespace Cifar3;

/// <summary>Labelled images by number, wherever they are: what <see cref="ImageRowsDataView"/> shows to ML.NET. Thread-safe.</summary>
internal interface IImageRows
{
    /// <summary>Number of images.</summary>
    int Count { get; }

    /// <summary>The classes' names; the index is the label.</summary>
    ImmutableArray<string> ClassNames { get; }

    /// <summary>Whether each image is a file with a path of its own.</summary>
    bool HasPaths { get; }

    /// <summary>The label of an image.</summary>
    int Label(int index);

    /// <summary>The path of an image's file.</summary>
    string Path(int index);

    /// <summary>Reads the pixels [32, 32, 3] of an image.</summary>
    /// <exception cref="Cifar3ImageException">Its file is missing, damaged or no image.</exception>
    void Read(int index, Span<byte> rgb);
}
