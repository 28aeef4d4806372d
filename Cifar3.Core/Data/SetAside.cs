using System.Security.Cryptography;

namespace Cifar3;

/// <summary>
/// Which images of a class are set aside at random: as many as are asked for, a picture that is there several times (links, copies under other names, repeated rows) with all its
/// copies on one side. A model knows a training image's copies by heart, and what it reaches on them says nothing of others.
/// </summary>
/// <remarks>As scikit-learn's <c>GroupShuffleSplit</c>, whose groups are the copies here. Where nothing is there twice it is the plain draw, bit for bit.</remarks>
internal static class SetAside
{
    /// <summary>A picture whose copies are more than a fifth of what a class sets aside is trained on where others do: it alone would decide how right a model seems.</summary>
    private const int LargestShare = 5;

    /// <summary>Draws the images to set aside.</summary>
    /// <param name="order">All images of the class in random order, as places in <paramref name="pictures"/>.</param>
    /// <param name="count">How many to set aside, fewer than there are.</param>
    /// <param name="pictures">What picture each is: equal keys are copies.</param>
    /// <returns>Places: <paramref name="count"/> of them, or fewer where no more copies fit; at least one picture of several; of a single picture so many copies.</returns>
    public static HashSet<int> Draw(int[] order, int count, IReadOnlyList<UInt128> pictures)
    {
        int[][] copies = [.. order.GroupBy(i => pictures[i]).Select(group => group.ToArray())]; // in the order of each picture's first
        if (copies.Length == 1)
        {
            return [.. order[..count]];
        }

        HashSet<int> aside = [];
        int most = Math.Max(1, count / LargestShare);
        foreach (int[] picture in copies.OrderBy(picture => picture.Length > most ? picture.Length : 0)) // stable
        {
            if (aside.Count + picture.Length <= count)
            {
                aside.UnionWith(picture);
            }
        }

        return aside.Count > 0 || count == 0 ? aside : [.. copies.MinBy(picture => picture.Length)!];
    }

    /// <summary>What pictures files are, by their bytes: only those of equal length are read.</summary>
    /// <remarks>What cannot be read is told where it is decoded, and is no copy of another here.</remarks>
    public static UInt128[] Pictures(IReadOnlyList<string> files, CancellationToken cancellation)
    {
        var keys = new UInt128[files.Count];
        var alike = Enumerable.Range(0, files.Count).GroupBy(i => Read(files[i], stream => stream.Length, -1 - i));
        foreach (int[] group in alike.Select(group => group.ToArray()))
        {
            foreach (int i in group)
            {
                cancellation.ThrowIfCancellationRequested();
                keys[i] = group.Length == 1 ? (UInt128)i : Read(files[i], Hash, (UInt128)i);
            }
        }

        return keys;

        T Read<T>(string file, Func<FileStream, T> read, T otherwise)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                using var stream = BoundedReader.Open(file);
                return read(stream);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
            {
                return otherwise;
            }
        }

        static UInt128 Hash(FileStream stream) => BitConverter.ToUInt128(SHA256.HashData(stream));
    }
}
