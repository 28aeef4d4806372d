namespace Cifar3;

/// <summary>The chosen images of one CIFAR-10 batch file, as they are read.</summary>
/// <param name="labelMap">For each published label 0 to 9 the new label, or -1 to leave the image out.</param>
internal sealed class CifarBatch(int[] labelMap)
{
    /// <summary>The most images one batch file may have; the published ones have 10,000.</summary>
    public const int MaxImages = 100_000;

    private const int Plane = CnnArchitecture.InputSize * CnnArchitecture.InputSize;

    private byte[] pixels = new byte[64 * CnnArchitecture.ImageBytes];
    private readonly List<int> labels = [];

    /// <summary>Number of images kept.</summary>
    public int Count => labels.Count;

    /// <summary>Adds one image, if its class is chosen.</summary>
    /// <param name="publishedLabel">0 to 9; see <see cref="CheckLabel"/>.</param>
    /// <param name="planes">3,072 bytes as published: 1,024 red, 1,024 green, 1,024 blue, row by row.</param>
    public void Add(int publishedLabel, ReadOnlySpan<byte> planes)
    {
        int label = labelMap[publishedLabel];
        if (label < 0)
        {
            return;
        }

        int at = labels.Count * CnnArchitecture.ImageBytes;
        if (at == pixels.Length)
        {
            Array.Resize(ref pixels, 2 * pixels.Length);
        }

        var target = pixels.AsSpan(at, CnnArchitecture.ImageBytes);
        ReadOnlySpan<byte> red = planes[..Plane], green = planes.Slice(Plane, Plane), blue = planes.Slice(2 * Plane, Plane);
        for (int i = 0; i < Plane; i++)
        {
            target[3 * i] = red[i];
            target[3 * i + 1] = green[i];
            target[3 * i + 2] = blue[i];
        }

        labels.Add(label);
    }

    /// <summary>Refuses a label above 9.</summary>
    /// <exception cref="Cifar3DataException">The label is not 0 to 9.</exception>
    public static void CheckLabel(long label, int image, string name)
    {
        if (label is < 0 or > 9)
        {
            throw new Cifar3DataException($"Cannot read batch '{name}': the label of image {image:N0} is {label}. Expected 0 to 9. The file is damaged or is not CIFAR-10; download it again.");
        }
    }

    /// <summary>One set of several batches, in the order given.</summary>
    public static ImageSet Join(IEnumerable<CifarBatch> batches, IEnumerable<string> classNames)
    {
        CifarBatch[] all = [.. batches];
        var pixels = new byte[checked(all.Sum(b => b.Count) * CnnArchitecture.ImageBytes)];
        int at = 0;
        foreach (var batch in all)
        {
            var part = batch.pixels.AsSpan(0, batch.Count * CnnArchitecture.ImageBytes);
            part.CopyTo(pixels.AsSpan(at));
            at += part.Length;
        }

        return new ImageSet(pixels, [.. all.SelectMany(b => b.labels)], classNames);
    }
}
