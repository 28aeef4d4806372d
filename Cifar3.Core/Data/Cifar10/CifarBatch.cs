namespace Cifar3;

/// <summary>The chosen images of one CIFAR-10 batch file, as they are read.</summary>
/// <param name="labelMap">For each published label 0 to 9 the new label, or -1 to leave the image out.</param>
/// <param name="most">The most images that will be added.</param>
internal sealed class CifarBatch(int[] labelMap, int most)
{
    /// <summary>The most images one batch file may have; the published ones have 10,000.</summary>
    public const int MaxImages = 20_000;

    private const int Plane = CnnArchitecture.InputSize * CnnArchitecture.InputSize;

    private byte[] pixels = new byte[Math.Min(most, 64) * CnnArchitecture.ImageBytes];
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
            Array.Resize(ref pixels, (int)Math.Min(2L * pixels.Length, (long)most * CnnArchitecture.ImageBytes));
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
            throw new Cifar3DataException($"Cannot read batch '{Shown.Path(name)}': the label of image {image:N0} is {label}. Expected 0 to 9. The file is damaged or is not CIFAR-10; download it again.");
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

/// <summary>
/// Reads a batch file of the published binary version: records of 3,073 bytes, one label and 3,072 pixels
/// (https://www.cs.toronto.edu/~kriz/cifar.html). Any number of records will do.
/// </summary>
internal static class BinaryBatchReader
{
    private const int RecordBytes = 1 + CnnArchitecture.ImageBytes;

    /// <summary>Reads all records.</summary>
    /// <param name="stream">The file's content.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <param name="labelMap">See <see cref="CifarBatch"/>.</param>
    /// <returns>The chosen images in the file's order.</returns>
    /// <exception cref="Cifar3DataException">The length is no multiple of a record, a label is above 9, or the stream ends early.</exception>
    public static CifarBatch Read(Stream stream, long length, string name, int[] labelMap)
    {
        if (length <= 0 || length % RecordBytes != 0 || length / RecordBytes > CifarBatch.MaxImages)
        {
            throw new Cifar3DataException($"Cannot read batch '{Shown.Path(name)}': it has {length:N0} bytes. Expected a multiple of {RecordBytes:N0} (one label, 3,072 pixels), at most {CifarBatch.MaxImages:N0} times. The file is damaged or cut off; download it again.");
        }

        int count = (int)(length / RecordBytes);
        var batch = new CifarBatch(labelMap, count);
        var record = new byte[RecordBytes];
        for (int i = 0; i < count; i++)
        {
            if (stream.ReadAtLeast(record, RecordBytes, throwOnEndOfStream: false) < RecordBytes)
            {
                throw new Cifar3DataException($"Cannot read batch '{Shown.Path(name)}': it ends in image {i:N0} of {count:N0}. The file is cut off; download it again.");
            }

            CifarBatch.CheckLabel(record[0], i, name);
            batch.Add(record[0], record.AsSpan(1));
        }

        return batch;
    }
}

/// <summary>
/// Reads a batch file of the published Python version, which Keras and torchvision keep in their caches: a pickled dictionary with
/// <c>data</c> (uint8 [N, 3072]: red, green, blue planes) and <c>labels</c> (N numbers 0 to 9).
/// </summary>
internal static class PythonBatchReader
{
    /// <summary>The most bytes a file may have: 64 MiB; the published ones have 31 MB.</summary>
    public const int MaxBytes = 1 << 26;

    /// <summary>Reads all images.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <param name="labelMap">See <see cref="CifarBatch"/>.</param>
    /// <returns>The chosen images in the file's order.</returns>
    /// <exception cref="Cifar3DataException">The pickle is damaged or is no CIFAR-10 batch.</exception>
    public static CifarBatch Read(ReadOnlyMemory<byte> file, string name, int[] labelMap)
    {
        if (PickleReader.Read(file, name) is not Dictionary<string, object?> dictionary
            || dictionary.GetValueOrDefault("data") is not PickleArray { Shape: [var count, CnnArchitecture.ImageBytes] } data
            || dictionary.GetValueOrDefault("labels") is not List<object?> labels)
        {
            throw new Cifar3DataException($"Cannot read batch '{Shown.Path(name)}': expected a dictionary with 'data' (uint8, N x 3,072) and 'labels' (a list of N numbers). The file is damaged or is not CIFAR-10; download it again.");
        }

        if (count != labels.Count || count is 0 or > CifarBatch.MaxImages)
        {
            throw new Cifar3DataException($"Cannot read batch '{Shown.Path(name)}': it has {count:N0} images and {labels.Count:N0} labels. Expected as many labels as images, 1 to {CifarBatch.MaxImages:N0}. Download it again.");
        }

        var batch = new CifarBatch(labelMap, labels.Count);
        for (int i = 0; i < labels.Count; i++)
        {
            long label = labels[i] as long? ?? -1;
            CifarBatch.CheckLabel(label, i, name);
            batch.Add((int)label, data.Data.Span.Slice(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes));
        }

        return batch;
    }
}
