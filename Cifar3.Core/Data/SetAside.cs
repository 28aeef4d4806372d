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

    /// <summary>Draws the images of a class to set aside.</summary>
    /// <param name="fraction">Their share, above 0 and below 1: of n images fraction·n, rounded, at least 1 and at most n − 1.</param>
    /// <param name="seed">Which: the same seed sets the same ones aside everywhere.</param>
    /// <param name="stream">The class: its label, or a number that does not depend on which classes are chosen.</param>
    /// <param name="pictures">What picture each of its images is: equal keys are copies.</param>
    /// <returns>Places in <paramref name="pictures"/>: as many, or fewer where no more copies fit; at least one picture of several; of a single picture so many copies.</returns>
    public static HashSet<int> Draw(double fraction, int seed, int stream, IReadOnlyList<UInt128> pictures)
    {
        int count = Math.Min(Math.Max(1, (int)Math.Round(fraction * pictures.Count)), pictures.Count - 1);
        int[] order = new PhiloxRandom(seed, RandomStreams.Split + (uint)stream).Permutation(pictures.Count);
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

    /// <summary>Numbers that are equal for images which stay together for one reason or the other.</summary>
    /// <param name="pictures">What picture each image is.</param>
    /// <param name="others">The same for another reason; null = none.</param>
    public static IReadOnlyList<UInt128> Either(IReadOnlyList<UInt128> pictures, IReadOnlyList<UInt128>? others)
    {
        if (others is null)
        {
            return pictures;
        }

        int[] first = [.. Enumerable.Range(0, pictures.Count)]; // of each image one that it stays with; its own where it is the first
        foreach (var keys in new[] { pictures, others })
        {
            var seen = new Dictionary<UInt128, int>(keys.Count);
            for (int i = 0; i < keys.Count; i++)
            {
                seen.TryAdd(keys[i], i);
                first[First(i)] = First(seen[keys[i]]);
            }
        }

        return [.. first.Select((_, i) => (UInt128)First(i))];

        int First(int i)
        {
            while (first[i] != i)
            {
                i = first[i] = first[first[i]];
            }

            return i;
        }
    }

    /// <summary>What pictures files are, by their bytes: of files of one length the beginnings are read, and whole only those that begin alike.</summary>
    /// <remarks>What cannot be read is told where it is decoded, and is no copy of another here.</remarks>
    /// <returns>Equal numbers for equal files.</returns>
    public static UInt128[] Pictures(IReadOnlyList<string> files, CancellationToken cancellation)
    {
        int[][] alike = [[.. Enumerable.Range(0, files.Count)]];
        foreach (Func<FileStream, UInt128> look in new[] { stream => (UInt128)stream.Length, Beginning, stream => BitConverter.ToUInt128(SHA256.HashData(stream)) })
        {
            alike = [.. alike.SelectMany(group => group.Length == 1 ? [group] : group.GroupBy(i => Read(i, look)).Select(same => same.ToArray()))];
        }

        var numbers = new UInt128[files.Count];
        foreach (var (number, group) in alike.Index())
        {
            foreach (int i in group)
            {
                numbers[i] = (UInt128)number;
            }
        }

        return numbers;

        UInt128 Read(int i, Func<FileStream, UInt128> look)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                using var stream = BoundedReader.Open(files[i]);
                return look(stream);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
            {
                return UInt128.MaxValue - (UInt128)i;
            }
        }

        static UInt128 Beginning(FileStream stream)
        {
            Span<byte> bytes = stackalloc byte[4096];
            return RepeatedImages.Key(bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)]);
        }
    }
}
