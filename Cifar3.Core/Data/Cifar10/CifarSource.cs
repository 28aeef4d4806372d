using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;

namespace Cifar3;

/// <summary>Reads the six batch files of CIFAR-10, binary or Python, from a folder or from an archive, which is streamed and never unpacked to disk.</summary>
/// <remarks>Memory: the chosen images twice while they are put together, and one batch file; at most <see cref="MaxMemory"/> whatever the file.</remarks>
internal static class CifarSource
{
    /// <summary>The most memory that reading takes: 750 MB. The published files take 300 MB for all ten classes.</summary>
    public const long MaxMemory = 750_000_000;

    /// <summary>The most bytes that an archive may unpack to; the published ones have 185 MB.</summary>
    public const long MaxUnpacked = 1L << 28;

    /// <summary>What is said of an archive that has something else in it, behind its name.</summary>
    public const string OtherArchive = "is an archive of another kind than CIFAR-10's. Expected a folder of pictures, <class>/* or train/<class>/* and test/<class>/*. Unpack it, and name the folder.";

    private const int TrainBatches = 5;

    private static readonly string[] Names = [.. Enumerable.Range(1, TrainBatches).Select(i => $"data_batch_{i}"), "test_batch"];

    /// <summary>Whether a folder has batch files of the binary version, whichever.</summary>
    public static bool IsBinaryFolder(string folder) => Names.Any(name => File.Exists(Path.Combine(folder, name + ".bin")));

    /// <summary>Whether a folder has batch files of the Python version.</summary>
    public static bool IsPythonFolder(string folder) => Names.Any(name => File.Exists(Path.Combine(folder, name)));

    /// <summary>Reads <c>cifar-10-batches-bin</c> or <c>cifar-10-batches-py</c>.</summary>
    /// <exception cref="Cifar3DataException">A batch is missing or damaged.</exception>
    public static ImageData ReadFolder(string folder, DataOptions options)
    {
        bool binary = IsBinaryFolder(folder);
        var batches = new BatchSet(options);
        foreach (string name in Names)
        {
            string path = Path.Combine(folder, binary ? name + ".bin" : name);
            if (!File.Exists(path))
            {
                throw new Cifar3DataException($"Batch '{Shown.Path(path)}' is missing. Expected data_batch_1 to data_batch_{TrainBatches} and test_batch. Download the data again.");
            }

            options.CancellationToken.ThrowIfCancellationRequested();
            using var stream = BoundedReader.Open(path, 1 << 16);
            batches.Read(stream, stream.Length, Path.GetFileName(path), path);
        }

        return batches.ToImageData($"CIFAR-10 {(binary ? "binary" : "Python")} batches '{Shown.Path(folder)}'", folder);
    }

    /// <summary>Reads <c>cifar-10-binary.tar.gz</c> or <c>cifar-10-python.tar.gz</c> under any name, compressed or not.</summary>
    /// <exception cref="Cifar3DataException">It is no such archive, is cut off or damaged, or has entries that no honest archive has.</exception>
    public static ImageData ReadArchive(string path, DataOptions options)
    {
        var batches = new BatchSet(options);
        try
        {
            using var file = BoundedReader.Open(path, 1 << 16);
            bool compressed = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
            file.Position = 0;
            using var unpacked = new LimitedStream(compressed ? new GZipStream(file, CompressionMode.Decompress) : file, MaxUnpacked, options.CancellationToken);
            var tar = new TarEntries(unpacked);
            while (tar.Next() is { } entry)
            {
                CheckEntry(entry, path);
                string name = Path.GetFileName(entry.Name);
                if (entry.Type == TarEntryType.RegularFile && Names.Contains(Path.GetFileNameWithoutExtension(name)) && Path.GetExtension(name) is "" or ".bin")
                {
                    batches.Read(tar.Content, entry.Length, name, $"{path}:{entry.Name}");
                }
                else if (batches.Count == 0 && ImageSignature.IsPictureName(name))
                {
                    throw new Cifar3DataException($"'{Shown.Path(path)}' {OtherArchive}");
                }
            }

            unpacked.CopyTo(Stream.Null); // to the end, where gzip's checksum is
            if (compressed)
            {
                CheckUnpackedLength(file, unpacked.Given);
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException or InvalidOperationException or NotSupportedException or ArgumentException or OverflowException)
        {
            throw new Cifar3DataException($"Cannot read archive '{Shown.Path(path)}': {Shown.Text(e.Message.TrimEnd('.'))}. Expected cifar-10-binary.tar.gz or cifar-10-python.tar.gz. It is cut off, damaged or something else; download it again.", e);
        }

        return batches.ToImageData($"CIFAR-10 archive '{Shown.Path(path)}'", path);
    }

    /// <summary>A gzip file ends with the length of what is in it; GZipStream does not miss these bytes when they are cut off.</summary>
    private static void CheckUnpackedLength(FileStream file, long unpacked)
    {
        Span<byte> length = stackalloc byte[4];
        file.Seek(-length.Length, SeekOrigin.End);
        file.ReadExactly(length);
        if (BinaryPrimitives.ReadUInt32LittleEndian(length) != (uint)unpacked)
        {
            throw new InvalidDataException("its end is missing");
        }
    }

    /// <summary>Nothing is written to disk, so a malicious name could do no harm; but an archive that has one is not the published one.</summary>
    private static void CheckEntry(TarItem entry, string path)
    {
        bool known = entry.Type is TarEntryType.RegularFile or TarEntryType.Directory;
        if (!known || entry.Name.StartsWith('/') || entry.Name.Split('/', '\\').Contains("..") || entry.Name.Contains(':', StringComparison.Ordinal))
        {
            throw new Cifar3DataException($"Cannot read archive '{Shown.Path(path)}': entry '{Shown.Text(entry.Name)}' ({entry.Type}) is a link or lies outside the archive's folder. This is not the published archive; download it from a source that you trust.");
        }
    }

    /// <summary>The batches read so far.</summary>
    private sealed class BatchSet(DataOptions options)
    {
        private readonly IReadOnlyList<string> classes = options.Classes ?? Cifar3Data.DefaultClasses;
        private readonly int[] labelMap = Cifar10Classes.LabelMap(options.Classes ?? Cifar3Data.DefaultClasses);
        private readonly ProgressCounter counter = new(options.Progress, DataStage.Reading, Names.Length);
        private readonly Dictionary<string, CifarBatch> batches = [];

        /// <summary>How many were read.</summary>
        public int Count => batches.Count;

        /// <summary>Reads one file, named <c>data_batch_1.bin</c> (binary) or <c>data_batch_1</c> (Python).</summary>
        public void Read(Stream content, long length, string file, string path)
        {
            CifarBatch batch;
            if (Path.GetExtension(file) == ".bin")
            {
                batch = BinaryBatchReader.Read(content, length, path, labelMap);
            }
            else
            {
                byte[] bytes = BoundedReader.ReadToEnd(content, PythonBatchReader.MaxBytes, length)
                    ?? throw new Cifar3DataException($"Cannot read batch '{Shown.Path(path)}': it has {length:N0} bytes. Expected at most {PythonBatchReader.MaxBytes:N0}. Download it again.");
                batch = PythonBatchReader.Read(bytes, path, labelMap);
            }

            if (!batches.TryAdd(Path.GetFileNameWithoutExtension(file), batch))
            {
                throw new Cifar3DataException($"Batch '{Shown.Path(path)}' is there twice. Expected each batch once. Download the data again.");
            }

            counter.Add(1);
        }

        /// <summary>Training batches 1 to 5 in order, and the test batch.</summary>
        public ImageData ToImageData(string source, string path)
        {
            string[] missing = [.. Names.Where(name => !batches.ContainsKey(name))];
            if (missing.Length > 0)
            {
                throw new Cifar3DataException($"Cannot read '{Shown.Path(path)}': {string.Join(", ", missing)} {(missing.Length == 1 ? "is" : "are")} missing. Expected CIFAR-10's data_batch_1 to data_batch_{TrainBatches} and test_batch. Download it again.");
            }

            ImageSet train = CifarBatch.Join(Names[..TrainBatches].Select(name => batches[name]), classes), test = CifarBatch.Join([batches["test_batch"]], classes);
            return new ImageData(train, test, source);
        }
    }
}
