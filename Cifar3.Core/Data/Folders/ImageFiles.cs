using System.Collections.Immutable;

namespace Cifar3;

/// <summary>Image files of one folder tree with their labels; a file is read when its image is asked for.</summary>
/// <param name="Paths">The files.</param>
/// <param name="Labels">One label a file.</param>
/// <param name="ClassNames">The classes' names; the index is the label.</param>
internal sealed record ImageFiles(IReadOnlyList<string> Paths, IReadOnlyList<int> Labels, ImmutableArray<string> ClassNames) : IImageRows
{
    public int Count => Paths.Count;

    public bool HasPaths => true;

    public int Label(int index) => Labels[index];

    public string Path(int index) => Paths[index];

    public void Read(int index, Span<byte> rgb) => ImageDecoder.DecodeFile(Paths[index], rgb);
}
