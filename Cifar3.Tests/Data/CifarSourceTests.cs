using System.Formats.Tar;
using System.Security.Cryptography;

namespace Cifar3.Tests;

public sealed class CifarSourceTests
{
    [TestCase(true)]
    [TestCase(false)]
    public void Load_ArchiveAndFolder_GiveTheThreeClassesInThePublishedOrder(bool binary)
    {
        byte[] first = CifarFiles.BinaryBatch(0);
        foreach (string path in new[] { CifarFiles.Write(CifarFiles.Archive(binary)), CifarFiles.WriteFolder(binary), Path.GetDirectoryName(CifarFiles.WriteFolder(binary))! })
        {
            var data = Cifar3Data.Load(path);

            Assert.That(data.ClassNames, Is.EqualTo(new[] { "aeroplane", "car", "bird" }));
            Assert.That(data.Train.Shape, Is.EqualTo((30, 32, 32, 3)));
            Assert.That(data.Test.Shape, Is.EqualTo((6, 32, 32, 3)));
            Assert.That(data.Train.Labels[..6].ToArray(), Is.EqualTo(new[] { 0, 1, 2, 0, 1, 2 }));
            Assert.That(data.IsSynthetic, Is.False);
            Assert.That(data.Source, Does.Contain(path));

            // Image 1 is record 1: green at row 2, column 3 lies in the second plane of the file and at channel 1 here.
            Assert.That(data.Train.Image(1)[(2 * 32 + 3) * 3 + 1], Is.EqualTo(first[CifarFiles.RecordBytes + 1 + 1024 + 2 * 32 + 3]));
        }
    }

    [Test]
    public void Load_BothVersions_GiveTheSamePixels()
    {
        var binary = Cifar3Data.Load(CifarFiles.Write(CifarFiles.Archive(binary: true)));
        var python = Cifar3Data.Load(CifarFiles.Write(CifarFiles.Archive(binary: false)));

        Assert.That(python.Train.Pixels.SequenceEqual(binary.Train.Pixels), Is.True);
        Assert.That(python.Train.Labels.SequenceEqual(binary.Train.Labels), Is.True);
        Assert.That(python.Test.Pixels.SequenceEqual(binary.Test.Pixels), Is.True);
    }

    [Test]
    public void Load_RealArchives_GiveTheSamePixelsAsPython()
    {
        string folder = Path.GetDirectoryName(TestFiles.RealImages())!;
        string binaryPath = Path.Combine(folder, "cifar-10-mini-binary.tar.gz"), pythonPath = Path.Combine(folder, "cifar-10-mini-python.tar.gz");
        Assume.That(File.Exists(binaryPath) && File.Exists(pythonPath), "The real archives lie beside CIFAR3_DATA.");
        var all = new DataOptions { Classes = Cifar3Data.AllClasses };

        var binary = Cifar3Data.Load(binaryPath, all);
        var python = Cifar3Data.Load(pythonPath, all);

        Assert.That(binary.Train.Shape, Is.EqualTo((1500, 32, 32, 3)));
        Assert.That(binary.Test.Shape, Is.EqualTo((200, 32, 32, 3)));
        Assert.That(python.Train.Pixels.SequenceEqual(binary.Train.Pixels), Is.True);
        Assert.That(python.Train.Labels.SequenceEqual(binary.Train.Labels), Is.True);
        Assert.That(python.Test.Pixels.SequenceEqual(binary.Test.Pixels), Is.True);
        Assert.That(python.Test.Labels.SequenceEqual(binary.Test.Labels), Is.True);

        // SHA-256 of data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) as Python's pickle and NumPy read the same files.
        Assert.That(Convert.ToHexStringLower(SHA256.HashData(binary.Train.Pixels)), Is.EqualTo("dcc98b773977e30ceac163fc235d878de5c6667b537779ffb19d93120c1e4521"));
        Assert.That(Convert.ToHexStringLower(SHA256.HashData(binary.Test.Pixels)), Is.EqualTo("a89b9ebe0d96c93c590fffbc09251cd3bbc7d13e7d3068cb3f6b8ca9c10dd323"));
    }

    [Test]
    public void Load_ChosenClasses_GetTheOrderAndNamesChosen()
    {
        var data = Cifar3Data.Load(CifarFiles.WriteFolder(binary: true), new DataOptions { Classes = ["truck", "Airplane"] });

        Assert.That(data.ClassNames, Is.EqualTo(new[] { "truck", "Airplane" }));
        Assert.That(data.Train.Labels[..2].ToArray(), Is.EqualTo(new[] { 1, 0 })); // record 0 is an aeroplane, record 9 a truck
        Assert.That(data.Train.Count, Is.EqualTo(20));
    }

    [TestCase("truck,lorry", "no class 'lorry'. It has: aeroplane, car, bird, cat")]
    [TestCase("plane,airplane", "chosen twice")]
    [TestCase("car", "Expected 2 to 100. Found one, 'car'")]
    public void Load_WrongClasses_SaysWhichAndWhatThereIs(string classes, string message) => Assert.That(
        () => Cifar3Data.Load(CifarFiles.WriteFolder(binary: true), new DataOptions { Classes = classes.Split(',') }),
        Throws.TypeOf<Cifar3DataException>().With.Message.Contains(message));

    [Test]
    public void Load_NothingAtThePath_NamesIt()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "none");

        AssertFails(() => Cifar3Data.Load(path), path, "no file or folder");
    }

    [Test]
    public void Load_LabelAboveNine_NamesFileAndImage()
    {
        var files = CifarFiles.Files(binary: true);
        files["data_batch_3.bin"][5 * CifarFiles.RecordBytes] = 200;

        AssertFails(() => Cifar3Data.Load(CifarFiles.WriteFolder(true, files)), "data_batch_3.bin", "label of image 5 is 200. Expected 0 to 9");
    }

    [Test]
    public void Load_PythonLabelAboveNine_NamesFileAndImage()
    {
        var files = CifarFiles.Files(binary: false);
        byte[] records = CifarFiles.BinaryBatch(0);
        records[5 * CifarFiles.RecordBytes] = 11;
        files["data_batch_1"] = CifarFiles.PythonBatch(records);

        AssertFails(() => Cifar3Data.Load(CifarFiles.WriteFolder(false, files)), "data_batch_1", "label of image 5 is 11");
    }

    [TestCase("data_batch_1")]
    [TestCase("data_batch_4")]
    public void Load_MissingBatch_NamesIt(string batch)
    {
        var files = CifarFiles.Files(binary: true);
        files.Remove(batch + ".bin");

        AssertFails(() => Cifar3Data.Load(CifarFiles.WriteFolder(true, files)), batch + ".bin", "missing");
        AssertFails(() => Cifar3Data.Load(CifarFiles.Write(CifarFiles.Archive(true, files.Select(f => ("x/" + f.Key, f.Value))))), batch + " is missing");
    }

    [Test]
    public void Load_BatchOfOddLength_SaysWhatALengthMustBe()
    {
        var files = CifarFiles.Files(binary: true);
        files["test_batch.bin"] = files["test_batch.bin"][..^1];

        AssertFails(() => Cifar3Data.Load(CifarFiles.WriteFolder(true, files)), "test_batch.bin", "61,459 bytes", "multiple of 3,073");
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Load_ArchiveCutOffAnywhere_SaysSo(bool binary)
    {
        byte[] archive = CifarFiles.Archive(binary);
        foreach (int length in Enumerable.Range(0, 24).Select(i => archive.Length * i / 24).Concat([archive.Length - 9, archive.Length - 8, archive.Length - 4, archive.Length - 1]))
        {
            string path = CifarFiles.Write(archive[..length]);
            AssertFails(() => Cifar3Data.Load(path), path);
        }
    }

    [Test]
    public void Load_ArchiveWithFlippedByte_IsRefusedByItsChecksum()
    {
        byte[] archive = CifarFiles.Archive(binary: true);
        archive[archive.Length / 2] ^= 1;

        AssertFails(() => Cifar3Data.Load(CifarFiles.Write(archive)));
    }

    [Test]
    public void Load_FileThatIsNoArchive_SaysWhatIsExpected()
    {
        string path = CifarFiles.Write("<html>not found</html>"u8.ToArray());

        AssertFails(() => Cifar3Data.Load(path), path, "cifar-10-binary.tar.gz");
    }

    [Test]
    public void Load_ArchiveOfPictures_SaysToUnpackIt([Values("flowers.tgz", "flowers.tar.xz", "flowers.tar.bz2")] string name)
    {
        string path = CifarFiles.Write(CifarFiles.Archive(true, [("flowers/LICENSE.txt", [1]), ("flowers/rose/1.jpg", [2]), ("flowers/tulip/1.jpg", [3])]), name);

        AssertFails(() => Cifar3Data.Load(path), path, "Unpack it, and name the folder");
    }

    [Test]
    public void Load_FileWhoseChecksumIsNoNumber_IsNoArchive()
    {
        byte[] noise = new byte[1024];
        Array.Fill(noise, (byte)0xFD);

        AssertFails(() => Cifar3Data.Load(CifarFiles.Write(noise)), "there is no tar header at byte 0");
    }

    [TestCase("../data_batch_1.bin")]
    [TestCase("/etc/data_batch_1.bin")]
    [TestCase("cifar-10-batches-bin/../../test_batch.bin")]
    [TestCase("..\\data_batch_1.bin")]
    [TestCase("C:\\data_batch_1.bin")]
    public void Load_EntryOutsideTheArchive_IsRefused(string name) =>
        AssertFails(() => Cifar3Data.Load(CifarFiles.Write(CifarFiles.Archive(true, [(name, CifarFiles.BinaryBatch(0))]))), "outside", name);

    [TestCase(TarEntryType.SymbolicLink)]
    [TestCase(TarEntryType.HardLink)]
    public void Load_LinkInTheArchive_IsRefused(TarEntryType type) =>
        AssertFails(() => Cifar3Data.Load(CifarFiles.Write(CifarFiles.Pack(new UstarTarEntry(type, "cifar-10-batches-bin/data_batch_1.bin") { LinkName = "/etc/passwd" }))), "link");

    [Test]
    public void Load_BatchTwice_IsRefused()
    {
        byte[] batch = CifarFiles.BinaryBatch(0);

        AssertFails(() => Cifar3Data.Load(CifarFiles.Write(CifarFiles.Archive(true, [("a/data_batch_1.bin", batch), ("b/data_batch_1.bin", batch)]))), "twice");
    }

    [Test]
    public void Load_GzipBomb_StopsAtTheLimit()
    {
        // 1.1 GiB of zeros in entries that are no batches pack to about 1 MB.
        var zeros = new byte[1 << 26];
        string path = CifarFiles.Write(CifarFiles.Pack([.. Enumerable.Range(0, 17).Select(i => CifarFiles.Entry($"junk{i}", zeros))]));

        AssertFails(() => Cifar3Data.Load(path), path, "unpacks to more than 268,435,456 bytes");
    }

    [Test]
    public void Load_Cancelled_Stops()
    {
        var options = new DataOptions { CancellationToken = new CancellationToken(canceled: true) };

        Assert.That(() => Cifar3Data.Load(CifarFiles.WriteFolder(binary: true), options), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => Cifar3Data.Load(CifarFiles.Write(CifarFiles.Archive(binary: true)), options), Throws.InstanceOf<OperationCanceledException>());
    }

    private static void AssertFails(TestDelegate load, params string[] parts)
    {
        var error = Assert.Throws<Cifar3DataException>(load);
        Assert.That(error!.Message, Does.Not.Contain("\n"));
        foreach (string part in parts)
        {
            Assert.That(error.Message, Does.Contain(part));
        }
    }
}
