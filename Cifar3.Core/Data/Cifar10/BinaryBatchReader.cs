namespace Cifar3;

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
            throw new Cifar3DataException($"Cannot read batch '{name}': it has {length:N0} bytes. Expected a multiple of {RecordBytes:N0} (one label, 3,072 pixels), at most {CifarBatch.MaxImages:N0} times. The file is damaged or cut off; download it again.");
        }

        var batch = new CifarBatch(labelMap);
        var record = new byte[RecordBytes];
        int count = (int)(length / RecordBytes);
        for (int i = 0; i < count; i++)
        {
            if (stream.ReadAtLeast(record, RecordBytes, throwOnEndOfStream: false) < RecordBytes)
            {
                throw new Cifar3DataException($"Cannot read batch '{name}': it ends in image {i:N0} of {count:N0}. The file is cut off; download it again.");
            }

            CifarBatch.CheckLabel(record[0], i, name);
            batch.Add(record[0], record.AsSpan(1));
        }

        return batch;
    }
}
