using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;

namespace Cifar3.Tests;

/// <summary>Archives made to take memory, read by a process that has no more of it than the documented bound.</summary>
public sealed class CifarMemoryTests
{
    [Test]
    public void Load_SmallArchiveOfTheMostImages_StaysWithinTheDocumentedMemory()
    {
        var batch = new byte[14_000 * CifarFiles.RecordBytes]; // six of these are just below the limit of what an archive may unpack to
        string path = CifarFiles.Write(CifarFiles.Archive(true, CifarFiles.BatchNames.Select(name => ($"b/{name}.bin", batch))));
        Assert.That(new FileInfo(path).Length, Is.LessThan(3_000_000));

        Assert.That(Load(path, CifarSource.MaxMemory), Is.EqualTo("70000 14000"));
        Assert.That(Load(path, 150_000_000), Does.StartWith($"Cannot read '{path}': there is no memory for its images. CIFAR-10 needs up to 750,000,000 bytes"));
    }

    [Test]
    public void Load_ArchiveWithAnEndlessExtendedHeader_IsRefusedWithoutKeepingIt()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            var header = new byte[512];
            "pax_header"u8.CopyTo(header);
            "04000000000\0"u8.CopyTo(header.AsSpan(124)); // 512 MiB
            header[156] = (byte)'x';
            int sum = 8 * ' ' + header.Sum(b => b);
            System.Text.Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(header, 148);
            gzip.Write(header);
            for (int i = 0; i < 512; i++)
            {
                gzip.Write(new byte[1 << 20]);
            }
        }

        string path = CifarFiles.Write(packed.ToArray());

        Assert.That(Load(path, 100_000_000), Does.Contain("an extended header has 536,870,912 bytes, at most 1,048,576 are read"));
    }

    [Test]
    public void Load_ArchiveWithOrdinaryExtendedHeaders_IsRead()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(gzip, TarEntryFormat.Pax))
        {
            foreach (var (name, bytes) in CifarFiles.Files(binary: true))
            {
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, $"cifar-10-batches-bin/{name}", new Dictionary<string, string> { ["comment"] = new string('c', 600) }) { DataStream = new MemoryStream(bytes) });
            }
        }

        Assert.That(Cifar3Data.Load(CifarFiles.Write(packed.ToArray())).Train.Count, Is.EqualTo(30));
    }

    /// <summary>What a process with a hard limit on its heap says of a path.</summary>
    private static string Load(string path, long heapLimit)
    {
        var before = Environment.GetEnvironmentVariable("DOTNET_GCHeapHardLimit");
        Environment.SetEnvironmentVariable("DOTNET_GCHeapHardLimit", heapLimit.ToString("X", CultureInfo.InvariantCulture));
        try
        {
            var clock = Stopwatch.StartNew();
            string said = string.Join('\n', ChildProgram.Run("load", path));
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(60)));
            return said;
        }
        finally
        {
            Environment.SetEnvironmentVariable("DOTNET_GCHeapHardLimit", before);
        }
    }
}
