using System.IO.Compression;

namespace Cifar3.Training;

/// <summary>Reads the three entries of a <c>.keras</c> archive, with limits on what they may expand to and their checksums verified.</summary>
internal sealed class KerasArchive
{
    private const int MaxConfig = 4 << 20, MaxExpansion = 20, MaxEntries = 1_000;

    private KerasArchive(byte[] config, byte[]? metadata, byte[] weights) => (Config, Metadata, Weights) = (config, metadata, weights);

    /// <summary><c>config.json</c>.</summary>
    public byte[] Config { get; }

    /// <summary><c>metadata.json</c>; null when it is missing.</summary>
    public byte[]? Metadata { get; }

    /// <summary><c>model.weights.h5</c>.</summary>
    public byte[] Weights { get; }

    /// <summary>Reads an archive in memory.</summary>
    /// <exception cref="Cifar3ModelException">An entry is missing, damaged, or expands to more than it can hold.</exception>
    public static KerasArchive Read(byte[] content)
    {
        using var zip = new ZipArchive(new MemoryStream(content, writable: false), ZipArchiveMode.Read);
        if (zip.Entries.Count > MaxEntries)
        {
            throw new Cifar3ModelException($"The archive has {zip.Entries.Count:N0} entries. Expected config.json, metadata.json and model.weights.h5.");
        }

        byte[]? weights = Entry(zip, "model.weights.h5", KerasFile.MaxFileSize);
        if (weights is null && zip.GetEntry("model.weights.npz") is not null)
        {
            throw new Cifar3ModelException("The archive keeps its weights as NumPy arrays (model.weights.npz). Expected model.weights.h5; save it with Keras' default format.");
        }

        return new KerasArchive(
            Entry(zip, "config.json", MaxConfig) ?? throw Missing("config.json"),
            Entry(zip, "metadata.json", MaxConfig),
            weights ?? throw Missing("model.weights.h5"));

        Cifar3ModelException Missing(string name) =>
            new($"The archive has no '{name}'. Expected config.json, metadata.json and model.weights.h5. Found: {string.Join(", ", zip.Entries.Take(10).Select(e => e.FullName))}.");
    }

    private static byte[]? Entry(ZipArchive zip, string name, long limit)
    {
        if (zip.GetEntry(name) is not { } entry)
        {
            return null;
        }

        // Keras stores its entries uncompressed; weights recompressed by hand shrink a little, never by this much.
        if (entry.Length > limit || entry.Length > MaxExpansion * Math.Max(entry.CompressedLength, 4096))
        {
            throw new Cifar3ModelException($"Entry '{name}' would expand from {entry.CompressedLength:N0} to {entry.Length:N0} bytes. Expected at most {limit:N0} bytes and {MaxExpansion} times its stored size. It may be a zip bomb; it was not unpacked.");
        }

        byte[] bytes = new byte[entry.Length];
        using var stream = entry.Open();
        stream.ReadExactly(bytes);
        if (stream.ReadByte() >= 0 || Crc32(bytes) != entry.Crc32)
        {
            throw new Cifar3ModelException($"Entry '{name}' is damaged: its checksum is wrong. Fetch or save the file again.");
        }

        return bytes;
    }

    /// <summary>The checksum of zip archives (polynomial 0xEDB88320), a byte at a time through a table.</summary>
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = ~0u;
        foreach (byte b in bytes)
        {
            crc = (crc >> 8) ^ CrcTable[(byte)(crc ^ b)];
        }

        return ~crc;
    }

    private static readonly uint[] CrcTable = [.. Enumerable.Range(0, 256).Select(i =>
    {
        uint value = (uint)i;
        for (int bit = 0; bit < 8; bit++)
        {
            value = (value >> 1) ^ ((value & 1) * 0xEDB88320);
        }

        return value;
    })];
}
