using System.Security.Cryptography;

namespace Cifar3.Tests;

public sealed class DataSearchTests
{
    private static readonly Uri Nowhere = new("http://127.0.0.1:9/none");

    [Test]
    public void Find_Named_ComesBeforeTheCaches()
    {
        string named = CifarFiles.WriteFolder(binary: true), cache = Path.GetDirectoryName(CifarFiles.WriteFolder(binary: false))!;

        var data = Search(named, cache).Find(new DataOptions(), out _);

        Assert.That(data!.Source, Does.Contain(named));
    }

    [TestCase("airplane,automobile,bird", "aeroplane,car,bird", true)]
    [TestCase("bird,car,plane", "bird,car,plane", false)]
    [TestCase("Airplane,Automobile,Bird", "Airplane,Automobile,Bird", false)]
    [TestCase("airplane,kite", "airplane,kite", false)]
    public void Find_NamedFolders_AreCifar10sOnlyUnderItsPublishedNames(string folders, string expected, bool said)
    {
        string named = PictureFolders.Write([.. folders.Split(',').SelectMany(name => new[] { ($"train/{name}", 1), ($"test/{name}", 1) })]);

        var data = Search(named, TestFiles.NewFolder()).Find(new DataOptions(), out _)!;

        Assert.That(string.Join(",", data.ClassNames), Is.EqualTo(expected));
        Assert.That(data.Source.Contains("CIFAR-10's airplane, automobile, bird, called aeroplane, car, bird", StringComparison.Ordinal), Is.EqualTo(said));
    }

    [Test]
    public void Find_NoPlaceForACache_SaysSoAndWritesNothing()
    {
        var search = new DataSearch(null, null, [TestFiles.NewFolder()], new ArchiveDownload(Nowhere, 1, new string('0', 64)));

        Assert.That(search.Find(new DataOptions(), out string reason), Is.Null);
        Assert.That(reason, Does.Contain("no folder for a download").And.Contain("set XDG_CACHE_HOME to an absolute path"));
    }

    [TestCase("relative/cache")]
    [TestCase(".")]
    public void Default_RelativeHomeAndCacheVariables_CountAsNotSet(string value)
    {
        string[] names = ["HOME", "XDG_CACHE_HOME", "TORCH_HOME", "KERAS_HOME"];
        string?[] before = [.. names.Select(Environment.GetEnvironmentVariable)];
        Array.ForEach(names, name => Environment.SetEnvironmentVariable(name, value));
        try
        {
            var search = DataSearch.Default();

            Assert.That(search.Cache, Is.Null.Or.Matches<string>(Path.IsPathFullyQualified));
            Assert.That(search.OtherCaches, Is.All.Matches<string>(folder => Path.IsPathFullyQualified(folder) && !folder.Contains("relative", StringComparison.Ordinal)));
        }
        finally
        {
            for (int i = 0; i < names.Length; i++)
            {
                Environment.SetEnvironmentVariable(names[i], before[i]);
            }
        }
    }

    [Test]
    public void Find_NamedButMissing_IsAnErrorThatNamesTheVariable()
    {
        string cache = Path.GetDirectoryName(CifarFiles.WriteFolder(binary: true))!;

        Assert.That(
            () => Search("/no/such/folder", cache).Find(new DataOptions(), out _),
            Throws.TypeOf<Cifar3DataException>().With.Message.Contains("CIFAR3_DATA").And.Message.Contains("/no/such/folder"));
    }

    [TestCase("cifar-10-batches-py", TestName = "Find_TorchvisionOrKeras2Folder_IsRead")]
    [TestCase("cifar-10-batches-py-target/cifar-10-batches-py", TestName = "Find_Keras3Folder_IsRead")]
    public void Find_OtherCacheFolder(string name)
    {
        string other = TestFiles.NewFolder(), folder = Path.Combine(other, name);
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        Directory.Move(CifarFiles.WriteFolder(binary: false), folder);

        var data = Search(null, TestFiles.NewFolder(), other).Find(new DataOptions(), out _);

        Assert.That(data!.Source, Does.Contain(Path.GetFullPath(folder)));
    }

    [TestCase("cifar-10-batches-py.tar.gz", false)]
    [TestCase("cifar-10-batches-py-target_archive", false)]
    [TestCase("cifar-10-python.tar.gz", false)]
    [TestCase("cifar-10-binary.tar.gz", true)]
    public void Find_OtherCacheArchive_IsRead(string name, bool binary)
    {
        string other = TestFiles.NewFolder(), path = Path.Combine(other, name);
        File.WriteAllBytes(path, CifarFiles.Archive(binary));

        var data = Search(null, TestFiles.NewFolder(), other).Find(new DataOptions(), out _);

        Assert.That(data!.Source, Does.Contain(path));
    }

    [Test]
    public void Find_DamagedCache_GoesOnToTheNext()
    {
        string damaged = TestFiles.NewFolder(), archive = Path.Combine(damaged, "cifar-10-batches-py.tar.gz"), other = Path.GetDirectoryName(CifarFiles.WriteFolder(binary: true))!;
        File.WriteAllBytes(archive, CifarFiles.Archive(binary: false)[..5000]);

        var data = Search(null, TestFiles.NewFolder(), damaged, other).Find(new DataOptions(), out _);

        Assert.That(data!.Source, Does.Contain(other));
        Assert.That(File.Exists(archive), Is.True, "it is another library's");
    }

    /// <summary>As torchvision and Keras leave it where unpacking was interrupted: the archive beside it is whole.</summary>
    [Test]
    public void Find_FolderWithSomeBatchesBesideTheArchive_ReadsTheArchive()
    {
        string other = TestFiles.NewFolder(), folder = Path.Combine(other, "cifar-10-batches-py"), archive = Path.Combine(other, "cifar-10-python.tar.gz");
        Directory.Move(CifarFiles.WriteFolder(binary: false), folder);
        File.Delete(Path.Combine(folder, "data_batch_4"));
        File.WriteAllBytes(archive, CifarFiles.Archive(binary: false));

        var data = Search(null, TestFiles.NewFolder(), other).Find(new DataOptions { AllowDownload = false }, out string reason);

        Assert.That(data?.Source ?? reason, Does.StartWith("CIFAR-10 archive").And.Contain(archive));
    }

    [Test]
    public void Find_NothingAnywhere_NamesEveryPlaceAndReason()
    {
        string cache = TestFiles.NewFolder(), other = TestFiles.NewFolder();

        var data = Search(null, cache, other).Find(new DataOptions(), out string reason);

        Assert.That(data, Is.Null);
        Assert.That(reason, Does.Contain("CIFAR3_DATA is not set").And.Contain(cache).And.Contain(other).And.Contain($"Cannot download '{Nowhere}'").And.Contain("Give a path").And.Not.Contain("\n"));
    }

    [Test]
    public void Find_DownloadSwitchedOff_AsksNoServer()
    {
        using var server = new TestServer((context, _) => TestServer.Fail(context, 404));
        var search = Search(null, TestFiles.NewFolder()) with { Download = new ArchiveDownload(server.Url, 1, "") };

        var data = search.Find(new DataOptions { AllowDownload = false }, out string reason);

        Assert.That(data, Is.Null);
        Assert.That(reason, Does.Contain("switched off"));
        Assert.That(server.Ranges, Is.Empty);
    }

    [Test]
    public void Find_NothingCached_DownloadsOnceAndFindsItTheNextTime()
    {
        byte[] archive = CifarFiles.Archive(binary: true);
        using var server = new TestServer((context, _) => TestServer.Send(context, archive));
        string cache = Path.Combine(TestFiles.NewFolder(), "new", "cifar3");
        var search = Search(null, cache) with { Download = new ArchiveDownload(server.Url, archive.Length, Convert.ToHexStringLower(SHA256.HashData(archive))) };

        ImageData? first = search.Find(new DataOptions(), out _), second = search.Find(new DataOptions(), out _);

        Assert.That(first!.Train.Count, Is.EqualTo(30));
        Assert.That(second!.Train.Pixels.SequenceEqual(first.Train.Pixels), Is.True);
        Assert.That(server.Ranges, Has.Count.EqualTo(1));
    }

    [Test]
    public void Find_DamagedDownloadInTheCache_IsDownloadedAgain()
    {
        byte[] archive = CifarFiles.Archive(binary: true);
        using var server = new TestServer((context, _) => TestServer.Send(context, archive));
        string cache = TestFiles.NewFolder();
        File.WriteAllBytes(Path.Combine(cache, "cifar-10-binary.tar.gz"), archive[..5000]);
        var search = Search(null, cache) with { Download = new ArchiveDownload(server.Url, archive.Length, Convert.ToHexStringLower(SHA256.HashData(archive))) };

        Assert.That(search.Find(new DataOptions(), out _)!.Train.Count, Is.EqualTo(30));
    }

    /// <summary>Another program holds it, as where memory or handles run out: 170 MB are not thrown away for that.</summary>
    [Test]
    public void Find_DownloadThatCannotBeReadNow_IsKept()
    {
        byte[] archive = CifarFiles.Archive(binary: true);
        using var server = new TestServer((context, _) => TestServer.Send(context, archive));
        string cache = TestFiles.NewFolder(), path = Path.Combine(cache, "cifar-10-binary.tar.gz");
        File.WriteAllBytes(path, archive);
        var search = Search(null, cache) with { Download = new ArchiveDownload(server.Url, archive.Length, Convert.ToHexStringLower(SHA256.HashData(archive))) };

        using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            Assert.That(search.Find(new DataOptions(), out string reason), Is.Null);
            Assert.That(reason, Does.Contain($"Cannot read '{path}'").And.Contain("Close the program that has it open"));
        }

        Assert.That(search.Find(new DataOptions(), out _)!.Train.Count, Is.EqualTo(30));
        Assert.That(server.Ranges, Is.Empty, "nothing was downloaded");
    }

    /// <summary>As of a service whose folder was replaced by its next version: only a path that counts from there needs it.</summary>
    [Test]
    public void Load_CurrentFolderThatWasRemoved_IsNeededByRelativePathsAlone()
    {
        const string Removed = "cd \"$(mktemp -d)\" && rmdir \"$PWD\"";
        Assume.That(OperatingSystem.IsWindows(), Is.False, "needs a system that removes the current folder, and bash");
        string folder = CifarFiles.WriteFolder(binary: true);

        Assert.That(ChildProgram.Run(["load", ""], [(Cifar3Data.PathVariable, folder)], Removed), Is.EqualTo(new[] { "30 6" }));
        Assert.That(ChildProgram.Run(["load", "pictures"], [], Removed), Is.EqualTo(new[] { "Cannot read 'pictures': Unable to find the specified file. Check the path and its permissions." }));
    }

    [Test]
    public void Find_UnknownClass_IsAnErrorAtOnce() =>
        Assert.That(() => Search(null, TestFiles.NewFolder()).Find(new DataOptions { Classes = ["screw", "nut"] }, out _), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("screw"));

    [Test]
    public void TryLoad_PathGivenButWrong_IsAnErrorNotFalse() =>
        Assert.That(() => Cifar3Data.TryLoad("/no/such/folder", null, out _, out _), Throws.TypeOf<Cifar3DataException>());

    private static DataSearch Search(string? named, string cache, params string[] others) =>
        new(named, cache, others, new ArchiveDownload(Nowhere, 1, "") { RetryDelay = TimeSpan.FromMilliseconds(1) });
}
