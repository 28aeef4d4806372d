namespace Cifar3;

/// <summary>
/// Reads a batch file of the published Python version, which Keras and torchvision keep in their caches: a pickled dictionary with
/// <c>data</c> (uint8 [N, 3072]: red, green, blue planes) and <c>labels</c> (N numbers 0 to 9).
/// </summary>
internal static class PythonBatchReader
{
    /// <summary>The most bytes a file may have: 512 MiB; the published ones have 31 MB.</summary>
    public const int MaxBytes = 1 << 29;

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
            throw new Cifar3DataException($"Cannot read batch '{name}': expected a dictionary with 'data' (uint8, N x 3,072) and 'labels' (a list of N numbers). The file is damaged or is not CIFAR-10; download it again.");
        }

        if (count != labels.Count || count is 0 or > CifarBatch.MaxImages)
        {
            throw new Cifar3DataException($"Cannot read batch '{name}': it has {count:N0} images and {labels.Count:N0} labels. Expected as many labels as images, 1 to {CifarBatch.MaxImages:N0}. Download it again.");
        }

        var batch = new CifarBatch(labelMap);
        for (int i = 0; i < labels.Count; i++)
        {
            long label = labels[i] as long? ?? -1;
            CifarBatch.CheckLabel(label, i, name);
            batch.Add((int)label, data.Data.Span.Slice(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes));
        }

        return batch;
    }
}
