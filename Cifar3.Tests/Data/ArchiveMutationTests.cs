using System.Diagnostics;
using System.IO.Compression;
using System.Text;

namespace Cifar3.Tests;

/// <summary>
/// Archives and batches with damage that knows their structure: tar headers with other numbers and names under a right checksum, entries doubled and exchanged, pickles with other
/// opcodes; and damage that knows nothing. The reader gives images or a <see cref="Cifar3DataException"/>, never another exception, in bounded memory.
/// </summary>
public sealed class ArchiveMutationTests
{
    private const int Block = 512;
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2);
    private static readonly string[] Numbers = ["00000000000", "77777777777", "37777777777", "00000000001", "-0000000001", "           ", "0000600500\0", "99999999999", "\u0080\0\0\0\0\u007F\u00FF\u00FF\u00FF\u00FF\u00FF"];

    [TestCase(true)]
    [TestCase(false)]
    public void Load_DamagedArchive_GivesImagesOrAClearError(bool binary) => Run(binary, count: 80);

    /// <summary>The full size: <c>dotnet test -c Release Cifar3.Tests --filter Name~TenThousandDamagedArchives --logger "console;verbosity=detailed"</c>.</summary>
    [TestCase(true), TestCase(false), Category(TestCategories.Slow)]
    public void Load_TenThousandDamagedArchives_GiveImagesOrClearErrors(bool binary) => Run(binary, count: 10_000);

    private static void Run(bool binary, int count)
    {
        byte[] tar = Unpacked(CifarFiles.Archive(binary)), other = Unpacked(CifarFiles.Archive(!binary));
        string folder = TestFiles.NewFolder();
        int loaded = 0, refused = 0;
        var slowest = TimeSpan.Zero;
        using var growth = new MemoryGrowth();
        for (int i = 0; i < count; i++)
        {
            using var watch = new Timer(_ => Environment.FailFast($"{nameof(ArchiveMutationTests)}: archive {i} hangs the reader."), null, Hang, Timeout.InfiniteTimeSpan);
            var random = new Random(i);
            byte[] damaged = random.Next(4) == 0 ? ByteMutation.Damage(tar, other, random) : Damage(tar, other, random);
            string path = Path.Combine(folder, "archive");
            File.WriteAllBytes(path, random.Next(3) == 0 ? Packed(damaged) : damaged); // compressed or not
            long start = Stopwatch.GetTimestamp();
            try
            {
                var data = Cifar3Data.Load(path);
                Assert.That(data.Train.Count + data.Test.Count, Is.GreaterThan(0));
                loaded++;
            }
            catch (Cifar3DataException e)
            {
                Assert.That(e.Message, Does.StartWith("Cannot read ").Or.StartWith("Batch '").And.Length.LessThan(2000));
                refused++;
            }
            catch (Exception e)
            {
                throw new AssertionException($"Archive {i} gives {e.GetType().Name} instead of a Cifar3DataException: {e}", e);
            }

            var time = Stopwatch.GetElapsedTime(start);
            slowest = time > slowest ? time : slowest;
        }

        TestContext.Out.WriteLine($"{(binary ? "binary" : "Python")}: {count:N0} damaged archives, {loaded:N0} read, {refused:N0} refused; slowest {slowest.TotalMilliseconds:F0} ms; the process grew by {growth.Peak / 1e6:F0} MB");
        Assert.That(new[] { loaded, refused }, Has.All.GreaterThan(count / 100));
        Assert.That(growth.Peak, Is.LessThan(CifarSource.MaxMemory));
    }

    /// <summary>One to three changes of headers, entries or contents; checksums of headers are right afterwards.</summary>
    private static byte[] Damage(byte[] tar, byte[] other, Random random)
    {
        var entries = Entries(tar);
        var foreign = Entries(other);
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            int at = random.Next(entries.Count);
            byte[] entry = [.. entries[at]];
            switch (random.Next(9))
            {
                case 0:
                    entries.RemoveAt(at);
                    if (entries.Count == 0)
                    {
                        entries.Add(entry);
                    }

                    continue;
                case 1:
                    entries.Insert(at, foreign[random.Next(foreign.Count)]);
                    continue;
                case 2:
                    entries.Insert(random.Next(entries.Count), entry);
                    continue;
                case 3:
                    Put(entry, 124, Numbers[random.Next(Numbers.Length)]); // length
                    break;
                case 4:
                    entry[156] = (byte)"\00123456789xgLKSDMNV7"[random.Next(20)]; // kind
                    break;
                case 5:
                    Put(entry, 0, new[] { "../../etc/passwd", "/data_batch_1.bin", "data_batch_1", "x/data_batch_1.bin", "C:data_batch_2", new string('a', 100) }[random.Next(6)]);
                    break;
                case 6:
                    Put(entry, new[] { 100, 136, 257, 345 }[random.Next(4)], Numbers[random.Next(Numbers.Length)]);
                    break;
                default:
                    int content = Math.Min(entry.Length - Block, 300);
                    if (content > 16)
                    {
                        byte[] damaged = ByteMutation.Damage(entry[Block..(Block + content)], other, random);
                        damaged.AsSpan(0, Math.Min(damaged.Length, entry.Length - Block)).CopyTo(entry.AsSpan(Block)); // opcodes and labels, the length stays
                    }

                    break;
            }

            Sum(entry);
            entries[at] = entry;
        }

        return [.. entries.SelectMany(entry => entry), .. new byte[2 * Block]];
    }

    private static List<byte[]> Entries(byte[] tar)
    {
        var entries = new List<byte[]>();
        for (int at = 0; at + Block <= tar.Length && tar[at] != 0;)
        {
            int length = Convert.ToInt32(Encoding.ASCII.GetString(tar, at + 124, 12).Trim('\0', ' '), 8), whole = Block + (length + Block - 1) / Block * Block;
            entries.Add(tar[at..(at + whole)]);
            at += whole;
        }

        return entries;
    }

    private static void Put(byte[] entry, int at, string text) => Encoding.Latin1.GetBytes(text).CopyTo(entry, at);

    private static void Sum(byte[] entry)
    {
        entry.AsSpan(148, 8).Fill((byte)' ');
        int sum = entry.Take(Block).Sum(b => b);
        Put(entry, 148, Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ");
    }

    private static byte[] Unpacked(byte[] archive)
    {
        using var gzip = new GZipStream(new MemoryStream(archive), CompressionMode.Decompress);
        using var tar = new MemoryStream();
        gzip.CopyTo(tar);
        return tar.ToArray();
    }

    private static byte[] Packed(byte[] tar)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(tar);
        }

        return packed.ToArray();
    }
}
