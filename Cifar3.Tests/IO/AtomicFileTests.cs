using System.Diagnostics;
using System.IO.Pipes;
using System.Reflection;
using System.Runtime.Versioning;
using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class AtomicFileTests
{
    /// <summary>Such as a library that a native program lacks code for: neither the disk's fault nor the folder's.</summary>
    [Test]
    public void Write_WriterThatIsNotSupported_IsNoFaultOfTheDisk()
    {
        string folder = TestFiles.NewFolder();

        Assert.That(() => AtomicFile.Write(Path.Combine(folder, "m.keras"), _ => throw new NotSupportedException("native code is missing")), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("native code is missing").And.Message.Contains("The disk is not at fault"));
        Assert.That(Directory.EnumerateFileSystemEntries(folder), Is.Empty);
    }

    /// <summary>As Windows reports a rename over a file that a virus scanner, an index or a spreadsheet has open.</summary>
    [TestCase(0x80070005, true)]
    [TestCase(0x80070020, true)]
    [TestCase(0x80070070, false, TestName = "a full disk is not waited for")]
    public void Persist_RefusedOnWindows_IsTriedAgainWhileTheFileIsHeld(long result, bool again)
    {
        int calls = 0;
        Exception fault = result == 0x80070005 ? new UnauthorizedAccessException { HResult = unchecked((int)result) } : new IOException("held", unchecked((int)result));
        void Rename() => _ = ++calls < 4 ? throw fault : true;

        Assert.That(() => AtomicFile.Persist(Rename, windows: false), Throws.Exception.SameAs(fault), "elsewhere nobody holds a file from being replaced");
        if (again)
        {
            calls = 0;
            AtomicFile.Persist(Rename, windows: true);
            Assert.That(calls, Is.EqualTo(4));
            Assert.That(IoFault.WriteRemedy(fault, windows: true), Does.StartWith("Close the programs that have it open"));
        }
        else
        {
            Assert.That(() => AtomicFile.Persist(Rename, windows: true), Throws.Exception.SameAs(fault));
            Assert.That((calls, IoFault.WriteRemedy(fault, windows: true)), Is.EqualTo((2, "Free disk space")));
        }
    }

    /// <summary>Where a name has ? in it, or what followed "C:\runs\" on the command line.</summary>
    [Test]
    public void WriteRemedy_NameThatWindowsRefuses_SaysWhichItAllows()
    {
        Assert.That(IoFault.WriteRemedy(new IOException("invalid name", unchecked((int)0x8007007B)), windows: true), Does.StartWith("Windows allows none of < > : \" | ? * in names"));
    }

    [Test]
    [Platform("Win")]
    public void Write_DeviceOfWindows_IsRefused()
    {
        Assert.That(() => AtomicFile.Write("nul", new byte[1]), Throws.TypeOf<Cifar3Exception>().With.Message.EndsWith("it is a device, not a file. No file was written. Name a file."));
    }

    [Test]
    public void Persist_HeldForGood_GivesUp()
    {
        int calls = 0;

        Assert.That(() => AtomicFile.Persist(() => throw new IOException($"held {++calls}", unchecked((int)0x80070020)), windows: true), Throws.TypeOf<IOException>().With.Message.EqualTo("held 8"));
    }

    [Test]
    public void Write_NewFolder_CreatesFileAndLeavesNothingElse()
    {
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, "new", "a.bin");

        AtomicFile.Write(path, new byte[] { 1, 2, 3 });

        Assert.That(File.ReadAllBytes(path), Is.EqualTo(new byte[] { 1, 2, 3 }));
        Assert.That(Directory.GetFiles(Path.GetDirectoryName(path)!), Has.Length.EqualTo(1));
    }

    [Test]
    public void Write_FailureHalfway_KeepsTheOldFile()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "a.bin");
        File.WriteAllText(path, "old");

        var error = Assert.Throws<Cifar3Exception>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[10]);
            throw new IOException("No space left on device");
        }));

        Assert.That(error!.Message, Does.Contain(path).And.Contain("No space left on device. The file is as it was before. Free disk space"));
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
        Assert.That(Directory.GetFiles(Path.GetDirectoryName(path)!), Has.Length.EqualTo(1));
    }

    [TestCase("a.bin")]
    [TestCase("runs/first/a.bin")]
    public void Write_FolderIsAFile_NamesTheFile(string name)
    {
        string file = Path.Combine(TestFiles.NewFolder(), "file"), path = Path.Combine(file, name);
        File.WriteAllText(file, "kept");

        Assert.That(() => AtomicFile.Write(path, new byte[1]), Throws.TypeOf<Cifar3Exception>().With.Message.EqualTo($"Cannot write '{path}': '{file}' is a file, not a folder. No file was written. Name another one."));
        Assert.That(File.ReadAllText(file), Is.EqualTo("kept"));
    }

    /// <summary>Such as a link to a disk that is not mounted: it was called a file.</summary>
    [Test]
    public void Write_FolderIsALinkToNothing_SaysSo()
    {
        string link = Path.Combine(TestFiles.NewFolder(), "link"), target = Path.Combine(TestFiles.NewFolder(), "unmounted");
        TestFiles.Link(link, target);

        Assert.That(() => AtomicFile.Write(Path.Combine(link, "a.bin"), new byte[1]), Throws.TypeOf<Cifar3Exception>().With.Message.EqualTo($"Cannot write '{Path.Combine(link, "a.bin")}': '{link}' is a link to '{target}', which does not exist. No file was written. Name another one."));
        Assert.That(() => OutputFolder.Check(link), Throws.TypeOf<Cifar3Exception>().With.Message.EqualTo($"Cannot write '{link}': it is a link to '{target}', which does not exist. Name another one."));
    }

    /// <summary>It made the folder, failed within it, and advised to free disk space.</summary>
    [Test]
    public void Write_PathThatEndsAsAFoldersDoes_MakesNone()
    {
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, "runs") + Path.DirectorySeparatorChar;

        Assert.That(() => AtomicFile.Write(path, new byte[1]), Throws.TypeOf<Cifar3Exception>().With.Message.EqualTo($"Cannot write '{path}': it is a folder, not a file. No file was written. Name a file."));
        Assert.That(Directory.EnumerateFileSystemEntries(folder), Is.Empty);
    }

    [Test]
    public void Write_TargetIsAFolder_SaysSo() =>
        Assert.That(() => AtomicFile.Write(TestFiles.NewFolder(), new byte[1]), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("it is a folder, not a file. No file was written. Name a file."));

    [Test]
    [Platform(Exclude = "Win")]
    public void Write_Device_IsNotReplaced()
    {
        Assert.That(() => AtomicFile.Write("/dev/null", new byte[1]), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("it is a device, not a file. The file is as it was before. Name a file."));
    }

    /// <summary>Such as /dev/stdout before a pipe: the link's text, <c>pipe:[1234]</c>, is no path, and the kernel leads to the pipe all the same.</summary>
    [Test]
    [Platform("Linux")]
    public void Write_LinkOfTheKernelToAPipe_SaysWhatItIs()
    {
        using var pipe = new AnonymousPipeServerStream();

        Assert.That(
            () => AtomicFile.Write($"/proc/self/fd/{pipe.SafePipeHandle.DangerousGetHandle()}", new byte[1]),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains("it is a named pipe (FIFO), not a file. The file is as it was before. Name a file."));
    }

    [Test]
    public void Write_FailureInsideAnotherLibrary_IsTheDisksOwn()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "a.h5");

        var error = Assert.Throws<Cifar3Exception>(() => AtomicFile.Write(path, _ => throw new TargetInvocationException(new IOException("full", OperatingSystem.IsWindows() ? unchecked((int)0x80070070) : 28))));

        Assert.That(error!.Message, Is.EqualTo($"Cannot write '{path}': full. No file was written. Free disk space."));
        Assert.That(error.InnerException, Is.TypeOf<IOException>());
    }

    [TestCase(28, "Free disk space")]
    [TestCase(30, "The disk is read-only")]
    [TestCase(24, "ulimit -n")]
    [TestCase(27, "ulimit -f")]
    [Platform(Exclude = "Win")]
    public void Write_Failure_HasTheRemedyOfItsCause(int errno, string remedy) =>
        Assert.That(() => AtomicFile.Write(Path.Combine(TestFiles.NewFolder(), "a"), _ => throw new IOException("cause", errno)), Throws.TypeOf<Cifar3Exception>().With.Message.Contains(remedy));

    [Test]
    public void Write_SymbolicLink_WritesItsTargetAndStays()
    {
        string folder = TestFiles.NewFolder(), target = Path.Combine(folder, "real", "model.onnx"), link = Path.Combine(folder, "current.onnx");
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        TestFiles.Link(link, Path.Combine("real", "model.onnx"));

        AtomicFile.Write(link, new byte[] { 1 });
        AtomicFile.Write(link, new byte[] { 2 });

        Assert.That(new FileInfo(link).LinkTarget, Is.Not.Null);
        Assert.That(new FileInfo(target).LinkTarget, Is.Null);
        Assert.That(File.ReadAllBytes(target), Is.EqualTo(new byte[] { 2 }));
        Assert.That(Directory.GetFiles(folder, "*", SearchOption.AllDirectories), Has.Length.EqualTo(2));
    }

    /// <summary>It wrote another file, in the folder where the link's text alone leads, and said nothing.</summary>
    [Test]
    public void Write_LinkUpwardsInAFolderBehindALink_WritesItsTarget([Values] bool isThere)
    {
        var (path, shared) = TestFiles.SharedBehindLinks("model.onnx");
        if (isThere)
        {
            File.WriteAllBytes(shared, [1]);
        }

        AtomicFile.Write(path, new byte[] { 2 });

        Assert.That(Directory.GetFiles(Path.Combine(path, "..", "..", "..", "shared")), Is.Empty);
        Assert.That(File.ReadAllBytes(shared), Is.EqualTo(new byte[] { 2 }));
    }

    [Test]
    [Platform(Exclude = "Win")]
    public void Write_LinkToItself_IsOneLine()
    {
        string link = Path.Combine(TestFiles.NewFolder(), "l");
        TestFiles.Link(link, "l");

        Assert.That(() => AtomicFile.Write(link, new byte[1]), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Cannot write"));
    }

    [Test]
    [Platform(Exclude = "Win")]
    [UnsupportedOSPlatform("windows")]
    public void Write_OverAFile_KeepsItsPermissions()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "secret.onnx");
        File.WriteAllText(path, "old");
        const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        File.SetUnixFileMode(path, Mode);

        AtomicFile.Write(path, new byte[] { 1 });

        Assert.That(File.GetUnixFileMode(path), Is.EqualTo(Mode));
    }

    /// <summary>While it is written others could else read what the file's owner keeps from them.</summary>
    [Test]
    [Platform(Exclude = "Win")]
    [UnsupportedOSPlatform("windows")]
    public void Write_OverAPrivateFile_IsPrivateMeanwhile()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "secret.onnx");
        File.WriteAllText(path, "old");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        UnixFileMode? meanwhile = null;

        AtomicFile.Write(path, stream => meanwhile = File.GetUnixFileMode(((FileStream)stream).Name));

        Assert.That(meanwhile, Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    /// <summary>The folder's permissions would allow to replace it, as those of root always do.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public void Write_OverAFileThatNobodyMayWrite_IsRefused(bool link)
    {
        string folder = TestFiles.NewFolder(), target = Path.Combine(folder, "store.bin"), path = link ? Path.Combine(folder, "a.onnx") : target;
        File.WriteAllText(target, "old");
        new FileInfo(target).IsReadOnly = true;
        if (link)
        {
            TestFiles.Link(path, "store.bin");
        }

        try
        {
            Assert.That(
                () => AtomicFile.Write(path, new byte[] { 1 }),
                Throws.TypeOf<Cifar3Exception>().With.Message.Contains($"Cannot write '{path}': it is protected against writing. The file is as it was before. ").And.Message.EndsWith(", or name another file."));
            Assert.That(File.ReadAllText(target), Is.EqualTo("old"));
            Assert.That(Directory.GetFiles(folder), Has.Length.EqualTo(link ? 2 : 1));
        }
        finally
        {
            new FileInfo(target).IsReadOnly = false;
        }
    }

    [Test]
    [Platform("Linux")]
    public void Write_OverAnothersFile_KeepsItsOwner()
    {
        Assume.That(Environment.UserName, Is.EqualTo("root"), "Only root can give files away.");
        string path = Path.Combine(TestFiles.NewFolder(), "a.onnx");
        File.WriteAllText(path, "old");
        Process.Start("chown", ["1234:2345", path]).WaitForExit();

        AtomicFile.Write(path, new byte[] { 1 });

        Assert.That(UnixFile.Find(path) is { User: 1234, Group: 2345, IsRegular: true }, Is.True);
    }

    [Test]
    public void Write_LongestNameThatTheSystemAllows_Works()
    {
        string path = Path.Combine(TestFiles.NewFolder(), new string('x', 250) + ".onnx");

        AtomicFile.Write(path, new byte[] { 1 });

        Assert.That(File.Exists(path), Is.True);
        Assert.That(() => AtomicFile.Write(path + "x", new byte[1]), Throws.TypeOf<Cifar3Exception>());
    }

    /// <summary>A container that is started again has its machine's name and its process' number, which is mostly 1, again: what it had left was never removed.</summary>
    [Test]
    public void Write_FolderWithLeftOvers_RemovesThoseThatNobodyWrites()
    {
        string folder = TestFiles.NewFolder(), probe = "";
        AtomicFile.Write(Path.Combine(TestFiles.NewFolder(), "a"), stream => probe = ((FileStream)stream).Name);
        string own = Path.GetFileName(probe), dead = OfADeadProcess(own.Split('-')[1]), elsewhere = OfADeadProcess("00000000");
        string living = own.Replace($"-{Environment.ProcessId}-", $"-{Process.GetProcesses().First(process => process.Id is not 0 && process.Id != Environment.ProcessId).Id}-", StringComparison.Ordinal);
        foreach (string name in new[] { own, dead, elsewhere, living, "users.tmp" })
        {
            File.WriteAllText(Path.Combine(folder, name), "");
        }

        string written = OfADeadProcess(own.Split('-')[1]); // a process of another container may have any number
        using var held = new FileStream(Path.Combine(folder, written), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);

        AtomicFile.Write(Path.Combine(folder, "a"), new byte[1]);

        Assert.That(Directory.GetFiles(folder).Select(Path.GetFileName), Is.EquivalentTo(new[] { elsewhere, living, written, "users.tmp", "a" }));
    }

    [Test]
    public void Write_FailureThatNamesTheTemporaryFile_NamesTheOneAskedFor()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "a.onnx");

        Assert.That(
            () => AtomicFile.Write(path, stream => throw new IOException($"No space left on device : '{((FileStream)stream).Name}'")),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains($"No space left on device : '{path}'").And.Message.Not.Contains(".tmp"));
    }

    /// <summary>A process of years with a folder for each job kept every folder's name; looking through a folder again is what shows that it does not.</summary>
    [Test]
    public void Write_IntoHundredsOfFolders_RemembersFewOfThem()
    {
        string folder = TestFiles.NewFolder(), probe = "";
        AtomicFile.Write(Path.Combine(folder, "a"), stream => probe = ((FileStream)stream).Name);
        string dead = Path.Combine(folder, OfADeadProcess(Path.GetFileName(probe).Split('-')[1]));
        File.WriteAllText(dead, "");

        AtomicFile.Write(Path.Combine(folder, "a"), new byte[1]);
        Assert.That(dead, Does.Exist, "a folder is looked through once");
        for (int i = 0; i < 300; i++)
        {
            AtomicFile.Write(Path.Combine(folder, $"{i}", "a"), new byte[1]);
        }

        AtomicFile.Write(Path.Combine(folder, "a"), new byte[1]);

        Assert.That(dead, Does.Not.Exist);
    }

    /// <summary>What a process of a machine named its temporary file, that has ended since.</summary>
    private static string OfADeadProcess(string machine)
    {
        using var ended = Process.Start(new ProcessStartInfo("whoami") { RedirectStandardOutput = true })!; // on every system, and ends at once
        ended.WaitForExit();
        return $".cifar3-{machine}-{ended.Id}-{Guid.NewGuid():N}.tmp";
    }
}
