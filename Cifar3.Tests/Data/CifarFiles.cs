using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;

namespace Cifar3.Tests;

/// <summary>Makes small CIFAR-10 archives and folders as published, binary and Python, with random pixels.</summary>
internal static class CifarFiles
{
    public const int RecordBytes = 3073;

    public static readonly string[] BatchNames = [.. Enumerable.Range(1, 5).Select(i => $"data_batch_{i}"), "test_batch"];

    /// <summary>Records of one batch: label i % 10, pixels from the batch's number.</summary>
    public static byte[] BinaryBatch(int batch, int count = 20)
    {
        var random = new PhiloxRandom(batch, 7);
        var bytes = new byte[count * RecordBytes];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = i % RecordBytes == 0 ? (byte)(i / RecordBytes % 10) : (byte)random.NextUInt32();
        }

        return bytes;
    }

    /// <summary>The same records as Python 2's cPickle wrote them.</summary>
    public static byte[] PythonBatch(byte[] records)
    {
        int count = records.Length / RecordBytes;
        using var pickle = new MemoryStream();
        Write("\u0080\u0002}q\u0001(U\u000Bbatch_labelq\u0002U\u0004testq\u0003U\u0006labelsq\u0004]q\u0005(");
        for (int i = 0; i < count; i++)
        {
            pickle.Write([(byte)'K', records[i * RecordBytes]]);
        }

        Write("eU\u0004dataq\u0006cnumpy.core.multiarray\n_reconstruct\nq\u0007cnumpy\nndarray\nq\u0008K\0\u0085U\u0001b\u0087Rq\u0009(K\u0001");
        Write("M");
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(number, count);
        pickle.Write(number[..2]);
        Write("M\u0000\u000C\u0086cnumpy\ndtype\nq\u000AU\u0002u1K\0K\u0001\u0087Rq\u000B(K\u0003U\u0001|NNNJ\u00FF\u00FF\u00FF\u00FFJ\u00FF\u00FF\u00FF\u00FFK\0tb\u0089T");
        BinaryPrimitives.WriteInt32LittleEndian(number, count * 3072);
        pickle.Write(number);
        for (int i = 0; i < count; i++)
        {
            pickle.Write(records.AsSpan(i * RecordBytes + 1, 3072));
        }

        Write("tbU\u0009filenamesq\u000C]q\u000D(U\u0005a.pngU\u0005b.pngeu.");
        return pickle.ToArray();

        void Write(string latin) => pickle.Write(Encoding.Latin1.GetBytes(latin));
    }

    /// <summary>The six files of one version, by their names in its folder.</summary>
    public static Dictionary<string, byte[]> Files(bool binary) => BatchNames
        .Select((name, i) => (name, records: BinaryBatch(i)))
        .ToDictionary(b => binary ? b.name + ".bin" : b.name, b => binary ? b.records : PythonBatch(b.records));

    /// <summary>Writes files into <c>cifar-10-batches-bin</c> or <c>-py</c> below a new folder.</summary>
    public static string WriteFolder(bool binary, Dictionary<string, byte[]>? files = null)
    {
        string folder = Path.Combine(TestFiles.NewFolder(), binary ? "cifar-10-batches-bin" : "cifar-10-batches-py");
        Directory.CreateDirectory(folder);
        foreach (var (name, bytes) in files ?? Files(binary))
        {
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
        }

        return folder;
    }

    /// <summary>A .tar.gz of the six files, or of given entries with full names.</summary>
    public static byte[] Archive(bool binary, IEnumerable<(string Name, byte[] Bytes)>? entries = null)
    {
        string folder = binary ? "cifar-10-batches-bin/" : "cifar-10-batches-py/";
        return Pack([.. (entries ?? Files(binary).Select(f => (folder + f.Key, f.Value))).Select(e => Entry(e.Item1, e.Item2))]);
    }

    /// <summary>Packs any tar entries.</summary>
    public static byte[] Pack(params TarEntry[] entries)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(gzip))
        {
            foreach (var entry in entries)
            {
                tar.WriteEntry(entry);
            }
        }

        return packed.ToArray();
    }

    /// <summary>A regular file's entry.</summary>
    public static TarEntry Entry(string name, byte[] bytes) => new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(bytes) };

    /// <summary>Writes bytes to a new file.</summary>
    public static string Write(byte[] bytes, string name = "archive.tar.gz")
    {
        string path = Path.Combine(TestFiles.NewFolder(), name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
