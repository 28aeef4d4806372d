using System.Collections.Immutable;

namespace Cifar3;

/// <summary>Image files of one folder tree with their labels; a file is read when its image is asked for.</summary>
/// <param name="Paths">The files.</param>
/// <param name="Labels">One label a file.</param>
/// <param name="ClassNames">The classes' names; the index is the label.</param>
internal sealed record ImageFiles(IReadOnlyList<string> Paths, IReadOnlyList<int> Labels, ImmutableArray<string> ClassNames) : IImageRows
{
    /// <summary>What picture each file is, by its name (<see cref="NamedPictures"/>); null where nobody sets some of them aside.</summary>
    public IReadOnlyList<UInt128>? Pictures { get; init; }

    public int Count => Paths.Count;

    public bool HasPaths => true;

    public int Label(int index) => Labels[index];

    public string Path(int index) => Paths[index];

    public void Read(int index, Span<byte> rgb) => DecodedFiles.Shared.Read(Paths[index], rgb, keep: true);

    /// <summary>Some of the files.</summary>
    public ImageFiles Choose(IReadOnlyList<int> indices) => this with { Paths = [.. indices.Select(i => Paths[i])], Labels = [.. indices.Select(i => Labels[i])], Pictures = Pictures is null ? null : [.. indices.Select(i => Pictures[i])] };
}

/// <summary>The files of image folders, unread.</summary>
/// <param name="Train">To train on.</param>
/// <param name="Validation">To choose by; null where the folders have none.</param>
/// <param name="Test">To measure on.</param>
/// <param name="Source">Where they lie and how they were split, in words.</param>
/// <param name="Skipped">What else was found.</param>
/// <param name="Bad">What to do with pictures that cannot be read, and what was left out so.</param>
internal sealed record ImageFolders(ImageFiles Train, ImageFiles? Validation, ImageFiles Test, string Source, SkipCounter Skipped, BadImages Bad)
{
    /// <summary>Whether the files to measure on were set aside from those to train on.</summary>
    public bool IsTestSetAside { get; init; }

    /// <summary>Whether all files were read, and bad ones left out.</summary>
    public bool AreSound { get; init; }
}
