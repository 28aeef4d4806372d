using System.IO.Compression;

namespace Cifar3.Training;

/// <summary>
/// Reads the three entries of a <c>.keras</c> archive, their checksums verified. The weights may expand to what the architecture beside
/// them needs and no further, so that memory stays in proportion to the network and to the file.
/// </summary>
internal sealed class KerasArchive
{
    /// <summary>The most bytes of a text, how often its stored size a text and the weights may expand to, and the most entries.</summary>
    public const int MaxConfig = 4 << 20, MaxTextExpansion = 20, MaxExpansion = 4, MaxEntries = 1_000;

    /// <summary>Room of the weights' file for its structure and for what else Keras may store there.</summary>
    public const int Spare = 16 << 20;

    private readonly byte[] content;

    private KerasArchive(byte[] content, byte[] config, byte[]? metadata) => (this.content, Config, Metadata) = (content, config, metadata);

    /// <summary><c>config.json</c>.</summary>
    public byte[] Config { get; }

    /// <summary><c>metadata.json</c>; null when it is missing.</summary>
    public byte[]? Metadata { get; }

    /// <summary>Reads an archive in memory, but for its weights.</summary>
    /// <exception cref="Cifar3ModelException">An entry is missing, damaged, or expands to more than it can hold.</exception>
    public static KerasArchive Open(byte[] content)
    {
        using var zip = Zip(content);
        if (zip.Entries.Count > MaxEntries)
        {
            throw new Cifar3ModelException($"The archive has {zip.Entries.Count:N0} entries. Expected config.json, metadata.json and model.weights.h5.");
        }

        if (zip.Entries.CountBy(entry => entry.FullName).FirstOrDefault(count => count.Value > 1) is { Key: { } twice })
        {
            throw new Cifar3ModelException($"The archive has the entry '{twice}' twice, and programs differ in which of them they read. Save the model again.");
        }

        if (zip.GetEntry("model.weights.h5") is null && zip.GetEntry("model.weights.npz") is not null)
        {
            throw new Cifar3ModelException("The archive keeps its weights as NumPy arrays (model.weights.npz). Expected model.weights.h5; save it with Keras' default format.");
        }

        byte[] config = Entry(zip, "config.json", MaxConfig, MaxTextExpansion) ?? throw Missing("config.json"); // text
        _ = zip.GetEntry("model.weights.h5") ?? throw Missing("model.weights.h5");
        return new KerasArchive(content, config, Entry(zip, "metadata.json", MaxConfig, MaxTextExpansion));

        Cifar3ModelException Missing(string name) =>
            new($"The archive has no '{name}'. Expected config.json, metadata.json and model.weights.h5. Found: {string.Join(", ", zip.Entries.Take(10).Select(e => e.FullName))}.");
    }

    /// <summary><c>model.weights.h5</c>.</summary>
    /// <param name="architecture">The network that it holds: double precision with four arrays a weight, and some room, is the most that is read.</param>
    /// <exception cref="Cifar3ModelException">It is damaged or larger.</exception>
    public byte[] Weights(CnnArchitecture architecture)
    {
        using var zip = Zip(content);
        long parameters = architecture.CreateLayers().Sum(layer => (long)layer.ParameterCount);
        return Entry(zip, "model.weights.h5", Math.Min(KerasFile.MaxFileSize, 4 * sizeof(double) * parameters + Spare), MaxExpansion)!;
    }

    private static ZipArchive Zip(byte[] content) => new(new MemoryStream(content, writable: false), ZipArchiveMode.Read);

    private static byte[]? Entry(ZipArchive zip, string name, long limit, int expansion)
    {
        if (zip.GetEntry(name) is not { } entry)
        {
            return null;
        }

        // Keras stores its entries uncompressed; weights recompressed by hand shrink a little, never by this much.
        if (entry.Length > limit || entry.Length > expansion * Math.Max(entry.CompressedLength, 1 << 16))
        {
            throw new Cifar3ModelException($"Entry '{name}' would expand from {entry.CompressedLength:N0} to {entry.Length:N0} bytes. Expected at most {limit:N0} bytes and {expansion} times its stored size. It may be a zip bomb; it was not unpacked.");
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
