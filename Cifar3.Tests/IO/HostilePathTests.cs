using System.Diagnostics;
using System.IO.Compression;
using Cifar3.Training;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>Paths that are no regular files, streams that are no pictures, and texts that do not belong on a terminal.</summary>
public sealed class HostilePathTests
{
    private static IEnumerable<TestCaseData> Readers()
    {
        yield return Reader("picture", path => ImageDecoder.DecodeFile(path, new byte[CnnArchitecture.ImageBytes]));
        yield return Reader("model", path => CnnModel.LoadOnnx(path));
        yield return Reader("Keras file", path => KerasFile.Load(path));
        yield return Reader("served model", path => ServiceApp.StartAsync(options => options.ModelPath = path).GetAwaiter().GetResult());
        yield return Reader("data", path => Cifar3Data.Load(path));
        yield return Reader("checkpoint", path => CheckpointFile.Read(path, 1_000));

        static TestCaseData Reader(string name, Action<string> read) => new TestCaseData(read).SetArgDisplayNames(name);
    }

    /// <summary>All but the checkpoint's, whose path is the library's own.</summary>
    private static IEnumerable<TestCaseData> ReadersOfGivenPaths() => Readers().SkipLast(1);

    [TestCaseSource(nameof(Readers))]
    [CancelAfter(20_000)]
    [Platform(Exclude = "Win")]
    public void Read_Pipe_IsRefusedAtOnce(Action<string> read)
    {
        string path = Path.Combine(TestFiles.NewFolder(), "pipe.onnx");
        Process.Start("mkfifo", [path]).WaitForExit();

        Assert.That(() => read(path), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("a named pipe (FIFO), not a file on a disk"));
    }

    [TestCaseSource(nameof(ReadersOfGivenPaths))]
    public void Read_Address_IsToldToBeNoPath(Action<string> read)
    {
        Assert.That(() => read("https://example.org/a.onnx"), Throws.InstanceOf<Cifar3Exception>().With.Message.EndsWith(" This is an address: download it and give the file's path."));
        Assert.That(() => read("file:///tmp/a.onnx"), Throws.InstanceOf<Cifar3Exception>().With.Message.EndsWith(" This is an address: give the path, without file://."));
    }

    /// <summary>Windows' shells give a program what the user typed; "birds\" --out run is one argument there, birds" --out run.</summary>
    [TestCaseSource(nameof(ReadersOfGivenPaths))]
    public void Read_WhatTheShellLeftInThePath_IsTold(Action<string> read)
    {
        string folder = TestFiles.NewFolder();

        Assert.That(() => read(Path.Combine(folder, "*.onnx")), Throws.InstanceOf<Cifar3Exception>().With.Message.EndsWith(". The shell has not replaced * by names of files, as Windows' never do: name the folder, or the files."));
        Assert.That(() => read(Path.Combine(folder, "birds\" --out run.onnx")), Throws.InstanceOf<Cifar3Exception>().With.Message.EndsWith(". The \" was taken for part of the path, as Windows does after a \\: leave out the \\ before the closing \"."));
    }

    [TestCaseSource(nameof(ReadersOfGivenPaths))]
    public void Read_NameThatIsNoUtf8_IsToldToBeThat(Action<string> read) =>
        Assert.That(() => read(Path.Combine(TestFiles.NewFolder(), "V\uFFFDgel.onnx")), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains(". A name in the path has bytes that are no UTF-8"));

    /// <summary>As an archive from an old Windows leaves its names on Linux.</summary>
    [Test]
    [Platform("Linux")]
    public void Load_NamesThatAreNoUtf8_AreToldToBeThat([Values("cp \"$1/nut/0000.png\" \"$1/nut/$(printf 'M\\374nze').png\"", "mv \"$1/nut\" \"$1/$(printf 'V\\366gel')\"")] string command)
    {
        string root = PictureFolders.Write(("nut", 2), ("bolt", 2));
        Process.Start("sh", ["-c", command, "sh", root]).WaitForExit();

        Assert.That(() => Cifar3Data.Load(root), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("\uFFFD").And.Message.EndsWith("rename it (mv, or convmv for all below a folder)."));
    }

    [TestCaseSource(nameof(ReadersOfGivenPaths))]
    public void Read_ControlCharactersInThePath_AreEscaped(Action<string> read)
    {
        string path = Path.Combine(TestFiles.NewFolder(), "a\u001b[31m.onnx");

        Assert.That(() => read(path), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains(@"a\u001B[31m.onnx").And.Message.Not.Contains("\u001b"), "not there");
        Assume.That(OperatingSystem.IsWindows(), Is.False, "Windows has no such names.");
        File.WriteAllText(path, "no model and no picture");
        Assert.That(() => read(path), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains(@"a\u001B[31m.onnx").And.Message.Not.Contains("\u001b"), "something else");
    }

    /// <summary>As Windows keeps everybody from a file that is being copied, or open in Office.</summary>
    [TestCaseSource(nameof(ReadersOfGivenPaths))]
    public void Read_FileThatAnotherProgramHolds_NamesThatAsTheCause(Action<string> read)
    {
        string path = Path.Combine(TestFiles.NewFolder(), "held.onnx");
        using var held = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);

        Assert.That(() => read(path), Throws.InstanceOf<Cifar3Exception>().With.Message.EndsWith(". Close the program that has it open, or wait until it is written."));
        Assert.That(IoFault.ReadRemedy(new IOException("held", unchecked((int)0x80070020)), windows: true), Does.StartWith("Close the program"));
    }

    [TestCase("C://pictures/a.png")]
    [TestCase("pictures//a.png")]
    [TestCase("a b://c")]
    [TestCase("://")]
    public void PathRemedy_OfAPath_IsNull(string path) => Assert.That(IoFault.PathRemedy(path), Is.Null);

    /// <summary>Also where somebody holds the pipe as a lock: then its holder's name would be waited for.</summary>
    [Test]
    [CancelAfter(20_000)]
    [Platform(Exclude = "Win")]
    public void Fit_LockThatIsAPipe_IsRefusedAtOnce([Values] bool isHeld)
    {
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, TrainingWorkspace.LockName);
        Process.Start("mkfifo", [path]).WaitForExit();
        using var held = isHeld ? new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None) : null;

        Assert.That(
            () => FakeTrainer.Create(new TrainerOptions { Epoch = 1, WorkspacePath = folder }).Fit(ColourImages.Create(20)),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains($"'{path}': it is a named pipe (FIFO), not a file on a disk: remove it."));
    }

    [TestCaseSource(nameof(Readers))]
    [CancelAfter(20_000)]
    [Platform("Linux")]
    public void Read_Device_IsRefusedAtOnce(Action<string> read)
    {
        Assert.That(() => read("/dev/zero"), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("it is a device"));
        Assert.That(() => read("/proc/self/maps"), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("a file of the kernel"));
    }

    [Test]
    public void Read_Folder_SaysThatItIsOne()
    {
        string folder = TestFiles.NewFolder();

        Assert.That(() => ImageDecoder.DecodeFile(folder, new byte[CnnArchitecture.ImageBytes]), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("it is a folder, not a file"));
        Assert.That(() => CnnModel.LoadOnnx(folder), Throws.InstanceOf<Cifar3Exception>().With.Message.Contains("found a folder"));
    }

    [Test]
    [Platform("Linux")]
    public void Decode_EndlessStream_EndsAfterItsFirstBytes()
    {
        using var zeros = new FileStream("/dev/zero", FileMode.Open, FileAccess.Read);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.That(() => ImageDecoder.DecodeStream(zeros, new byte[CnnArchitecture.ImageBytes], "stream"), Throws.TypeOf<Cifar3ImageException>());
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1_000_000));
    }

    [Test]
    public void Predict_WhatIsNoPicture_SaysWhatItIs()
    {
        using var classifier = Cifar3Classifier.LoadDefault();
        byte[] picture = PictureFolders.Picture(1);
        var atEnd = new MemoryStream();
        atEnd.Write(picture);
        using var damaged = new GZipStream(new MemoryStream([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7]), CompressionMode.Decompress);
        string text = "data:image/png;base64," + Convert.ToBase64String(new byte[5000]);

        Assert.Multiple(() =>
        {
            Assert.That(() => classifier.Predict(atEnd), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains($"the stream is at its end, position {picture.Length:N0} of {picture.Length:N0}"));
            Assert.That(() => classifier.Predict(damaged), Throws.TypeOf<Cifar3ImageException>());
            Assert.That(() => classifier.Predict(new byte[3072]), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("PredictPixels"));
            Assert.That(() => classifier.Predict(text), Throws.TypeOf<Cifar3ImageException>().With.Property("Message").Length.LessThan(1000).And.Message.Contains("6,690 characters"));
            Assert.That(() => classifier.Predict((Stream)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("stream"));
            Assert.That(() => classifier.Predict((MLImage)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("image"));
            Assert.That(() => classifier.Predict((string)null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("path"));
        });
    }

    [Test]
    public void ReadToEnd_StreamOfUnknownLength_IsPutTogether([Values(0, 1, 65_535, 65_536, 65_537, 1_000_003)] int length)
    {
        byte[] content = [.. Enumerable.Range(0, length).Select(i => (byte)(i * 31 + i / 251))];
        using var dripping = new DrippingStream(content);

        Assert.That(BoundedReader.ReadToEnd(dripping, 1 << 20, begun: []), Is.EqualTo(content));
        Assert.That(BoundedReader.ReadToEnd(new MemoryStream(content), 1 << 20, expected: length), Is.EqualTo(content));
        Assert.That(BoundedReader.ReadToEnd(new MemoryStream(content), Math.Max(0, length - 1)), length == 0 ? Is.Empty : Is.Null);
    }

    /// <summary>Files that are as long as they say, shorter, and longer, twice each, so that the second is read into what the first gave back.</summary>
    [Test]
    public void Borrow_LengthThatIsWrong_GivesWhatTheStreamHolds([Values(0, 3, 1000, 200_000)] int length, [Values(-5, 0, 7, 70_000)] int wrongBy)
    {
        byte[] content = new byte[length], begun = [1, 2, 3];
        new Random(length).NextBytes(content);
        for (int i = 0; i < 2; i++)
        {
            using (var borrowed = BoundedReader.Borrow(new MemoryStream(content), 1 << 20, Math.Max(0, length + wrongBy), begun)!.Value)
            {
                Assert.That(borrowed.Span.ToArray(), Is.EqualTo(begun.Concat(content)));
            }

            content.AsSpan().Reverse();
        }

        Assert.That(BoundedReader.Borrow(new MemoryStream(content), length + begun.Length - 1, Math.Max(0, length + wrongBy), begun), Is.Null, "more than the limit");
    }

    /// <summary>In a chroot, or a container that mounts none, /sys is a folder like any other: every file of the disk was one of the kernel.</summary>
    [Test]
    public void MountedAt_FolderOfTheDisk_IsNoFileSystemOfItsOwn()
    {
        Assume.That(OperatingSystem.IsLinux());

        Assert.That(BoundedReader.MountedAt("/proc", TestFiles.NewFolder(), "/no such folder"), Is.EqualTo(new[] { UnixFile.Find("/proc")!.Value.Device }));
    }

    [Test]
    public void Borrow_StreamThatFails_Throws()
    {
        using var broken = new GZipStream(new MemoryStream([1, 2, 3, 4]), CompressionMode.Decompress);

        Assert.That(() => BoundedReader.Borrow(broken, 1 << 20, 1000, []), Throws.TypeOf<InvalidDataException>());
    }

    [TestCase("plain text, ünïcode 🐈", "plain text, ünïcode 🐈")]
    [TestCase("a\u001b[31mb\nc\u202Ed\uFEFF", @"a\u001B[31mb\nc\u202Ed\uFEFF")]
    [TestCase("cat\u061C\u200Bs\u00AD", @"cat\u061C\u200Bs\u00AD")]
    [TestCase("\u2060\u180E\uFFF9", @"\u2060\u180E\uFFF9")]
    [TestCase("می\u200Cخواهم 👩\u200D🚀", "می\u200Cخواهم 👩\u200D🚀")] // joiners make other letters and other pictures
    public void Shown_Text_EscapesWhatATerminalWouldObey(string text, string expected) => Assert.That(Shown.Text(text), Is.EqualTo(expected));

    [Test]
    public void Shown_HalfASurrogatePair_IsEscaped() => Assert.That(Shown.Text($"half {(char)0xD83D}"), Is.EqualTo(@"half \uD83D"));

    [Test]
    public void Shown_LongText_IsCutInItsMiddle()
    {
        Assert.That(Shown.Text(new string('a', 4000) + "end"), Has.Length.LessThan(Shown.MaxLength + 30).And.EndWith("end").And.Contain("4,003 characters"));
        Assert.That(Shown.Names(Enumerable.Range(0, 100).Select(i => $"n{i} ")), Does.StartWith("'n0 ', 'n1 '").And.EndWith("and 80 more"));
    }

    /// <summary>Gives seven bytes a read and knows no length.</summary>
    private sealed class DrippingStream(byte[] content) : MemoryStream(content)
    {
        public override bool CanSeek => false;

        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, 7));

        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 7)]);
    }
}
