using System.Globalization;
using System.Security.Cryptography;

namespace Cifar3;

/// <summary>
/// Images that are there again, pixel for pixel. Test images that are training images too a model knows by heart, and what it reaches on them says nothing of others;
/// images that two classes have it cannot tell apart.
/// </summary>
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

    /// <summary>How many images of each class are those of another class too, pixel for pixel; classes without such images are left out.</summary>
    public static Dictionary<int, int> Conflicts(ImageSet images)
    {
        var classes = new Dictionary<UInt128, (int Label, bool Several)>(images.Count);
        var keys = new UInt128[images.Count];
        for (int i = 0; i < keys.Length; i++)
        {
            keys[i] = Key(images.Image(i));
            int label = images.Labels[i];
            classes[keys[i]] = classes.TryGetValue(keys[i], out var known) ? (known.Label, known.Several || known.Label != label) : (label, false);
        }

        var conflicts = new Dictionary<int, int>();
        for (int i = 0; i < keys.Length; i++)
        {
            if (classes[keys[i]].Several)
            {
                conflicts[images.Labels[i]] = conflicts.GetValueOrDefault(images.Labels[i]) + 1;
            }
        }

        return conflicts;
    }

    /// <summary>Equal for equal pixels.</summary>
    public static UInt128 Key(ReadOnlySpan<byte> image)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(image, hash);
        return BitConverter.ToUInt128(hash);
    }
}
