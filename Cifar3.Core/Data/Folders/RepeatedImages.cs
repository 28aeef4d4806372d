using System.Globalization;
using System.Security.Cryptography;

namespace Cifar3;

/// <summary>Test images that are training images too, pixel for pixel: a model knows them by heart, and what it reaches on them says nothing of others.</summary>
internal static class RepeatedImages
{
    /// <summary>How many, as the end of a sentence; empty where there are none.</summary>
    public static string ToSentence(ImageSet train, ImageSet test)
    {
        int repeated = Count(train, test);
        return repeated == 0 ? ""
            : string.Create(CultureInfo.InvariantCulture, $"; {repeated:N0} of the {test.Count:N0} test images {(repeated == 1 ? "is a training image" : "are training images")} too, on which accuracy says little");
    }

    /// <summary>The number of test images whose 3,072 bytes are those of a training image.</summary>
    public static int Count(ImageSet train, ImageSet test)
    {
        var known = new HashSet<UInt128>(train.Count);
        for (int i = 0; i < train.Count; i++)
        {
            known.Add(Key(train.Image(i)));
        }

        int repeated = 0;
        for (int i = 0; i < test.Count; i++)
        {
            repeated += known.Contains(Key(test.Image(i))) ? 1 : 0;
        }

        return repeated;
    }

    private static UInt128 Key(ReadOnlySpan<byte> image)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(image, hash);
        return BitConverter.ToUInt128(hash);
    }
}
