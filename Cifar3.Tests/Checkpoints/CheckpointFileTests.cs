using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>A damaged or foreign checkpoint is refused with its name and a way out, never half-used.</summary>
public sealed class CheckpointFileTests
{
    private const string Remedy = "Delete the file, or set Resume to false";

    private static readonly ImageSet Train = ColourImages.Create(40);

    [Test]
    public void Load_TruncatedAnywhere_NamesFileAndRemedy()
    {
        var (path, bytes) = WriteCheckpoint();

        foreach (int length in new[] { 0, 1, 7, 8, 51, 52, 53, 100, bytes.Length / 2, bytes.Length - 1 })
        {
            Refused(path, bytes[..length], $"truncated to {length}");
        }
    }

    [Test]
    public void Load_AnyBitFlipped_NamesFileAndRemedy()
    {
        var (path, bytes) = WriteCheckpoint();
        var random = new PhiloxRandom(1, 1);

        foreach (int position in Enumerable.Range(0, 52).Concat(Enumerable.Range(0, 60).Select(_ => random.Next(bytes.Length))))
        {
            byte[] flipped = [.. bytes];
            flipped[position] ^= (byte)(1 << random.Next(8));
            Refused(path, flipped, $"bit flipped in byte {position}");
        }
    }

    [Test]
    public void Load_BytesAppended_NamesFileAndRemedy()
    {
        var (path, bytes) = WriteCheckpoint();

        Refused(path, [.. bytes, 0], "one byte too many");
    }

    [Test]
    public void Load_NewerFormat_SaysSo()
    {
        var (path, bytes) = WriteCheckpoint();
        bytes[8] = 2;

        Refused(path, bytes, "format 2", "another version of Cifar3 wrote it, which can go on with it. Expected format 1, found 2");
    }

    [Test]
    public void Load_NoCheckpoint_SaysSo()
    {
        var (path, _) = WriteCheckpoint();

        Refused(path, "this is not a checkpoint, but it is long enough to have a header"u8.ToArray(), "text", "it is no training checkpoint");
    }

    /// <summary>A right hash does not make the content right: whoever makes a file can make its hash.</summary>
    [Test]
    public void Load_WellFormedWithWrongContent_IsRefused()
    {
        Assert.Multiple(() =>
        {
            Altered(data => data.Weights.RemoveAt(0), "expected 26 tensors, found 25");
            Altered(data => data.AdamM[0].Name = "dense/bias", "expected tensor 'conv2d/kernel'");
            Altered(data => data.AdamV[0].Values = Google.Protobuf.ByteString.CopyFrom(new byte[8]), "of 27 numbers, found 'conv2d/kernel' of 2");
            Altered(data => data.Weights[1].Values = Google.Protobuf.ByteString.CopyFrom(BitConverter.GetBytes(float.NaN)), "is NaN");
            Altered(data => data.History.Clear(), "expected 1 to 100,000 epochs, found 0");
            Altered(data => data.History[0].Accuracy = 1.5, "accuracies 1.5");
            Altered(data => data.History[0].ValWeightedAccuracy = 2, "the log of epoch 1 has accuracies");
            Altered(data => data.History[0].ClearValLoss(), "the log of epoch 1 has accuracies");
            Altered(data => data.Best.Epoch = 7, "found epoch 7");
            Altered(data => data.Step = -1, "step -1");
            Altered(data => data.Step = long.MaxValue, "step 9223372036854775807");
            Altered(data => data.AdamV[0].Values = With(data.AdamV[0].Values, -1), "number 0 of tensor 'conv2d/kernel' is -1, not a finite number of 0 or more");
            Altered(data => data.Weights[5].Values = With(data.Weights[5].Values, -1), "'batch_normalization/moving_variance' is -1");
            Altered(data => data.Best.Epoch = 0, "expected a model of epoch 1 to 2, found epoch 0");
            Altered(data => data.Averaged = new AveragedData { Steps = long.MaxValue }, "9223372036854775807 steps averaged");
            Altered(data => data.LearningRate = float.NaN, "learning rate NaN");
            Altered(data => data.Callbacks[0].Models["best_model"].Epoch = -3, "found epoch -3");
        });

        static Google.Protobuf.ByteString With(Google.Protobuf.ByteString values, float first) => Google.Protobuf.ByteString.CopyFrom([.. BitConverter.GetBytes(first), .. values.Span[4..]]);

        static void Altered(Action<CheckpointData> change, string what)
        {
            var (path, _) = WriteCheckpoint();
            var data = CheckpointFile.Read(path, long.MaxValue)!;
            change(data);
            CheckpointFile.Write(path, data);
            Refused(path, File.ReadAllBytes(path), what, what);
        }
    }

    /// <summary>A learning rate of NaN would be the engine's complaint, in an exception that names no file.</summary>
    [TestCase(double.NaN)]
    [TestCase(-1)]
    public void Load_LearningRateReducedToNoNumber_IsRefused(double reduced)
    {
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, TrainingCheckpoint.FileName);
        TrainerOptions options = Options(folder, resume: false) with { LearningRateScheduler = new ExponentialLRDecay(), Callbacks = [new ReduceLROnPlateau()] };
        FakeTrainer.Create(options).Fit(Train, Train);
        var data = CheckpointFile.Read(path, long.MaxValue)!;
        data.Callbacks[0].Numbers["reduced"] = reduced;
        CheckpointFile.Write(path, data);

        Assert.That(
            () => FakeTrainer.Create(options with { Resume = true, Epoch = 3 }).Fit(Train, Train),
            Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(path).And.Message.Contains("ReduceLROnPlateau has reduced the learning rate to").And.Message.Contains(Remedy));
    }

    /// <summary>4 MB whose two million epochs, callbacks or averaged tensors are empty: what they would be parsed into takes a hundred times as much.</summary>
    [TestCase(new byte[] { 0x1A, 0 })]
    [TestCase(new byte[] { 0x5A, 0 })]
    [TestCase(new byte[] { 0x62, 2, 0x12, 0 })]
    [TestCase(new byte[] { 0x5A, 4, 0x1A, 2, 0x12, 0 })]
    public void Load_MillionsOfEmptyMessages_AreCountedBeforeTheyAreParsed(byte[] message)
    {
        var (path, bytes) = WriteCheckpoint();
        byte[] payload = [.. bytes.AsSpan(52), .. Enumerable.Repeat(message, (4 << 20) / message.Length).SelectMany(part => part)];
        Framed(path, payload);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.That(() => CheckpointFile.Read(path, long.MaxValue), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("found millions of entries").And.Message.Contains(Remedy));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(payload.Length + (1 << 20)));
    }

    /// <summary>A hundred thousand epochs are no attack.</summary>
    [Test]
    public void Read_LongHistory_IsRead()
    {
        var (path, _) = WriteCheckpoint();
        var data = CheckpointFile.Read(path, long.MaxValue)!;
        data.History.Add(Enumerable.Repeat(data.History[0], 100_000));
        CheckpointFile.Write(path, data);

        Assert.That(CheckpointFile.Read(path, long.MaxValue)!.History, Has.Count.EqualTo(100_002));
    }

    [Test]
    public void Load_TextsThatCommandATerminal_AreShownAndCut()
    {
        const string evil = "\u001b[2Jgone\n";
        string endless = evil + new string('A', 100_000);
        Assert.Multiple(() =>
        {
            Altered(data => data.Settings[0].Value = endless);
            Altered(data => data.Callbacks[0].Description = endless);
            Altered(data => data.Weights[0].Name = endless);
        });

        static void Altered(Action<CheckpointData> change)
        {
            var (path, _) = WriteCheckpoint();
            var data = CheckpointFile.Read(path, long.MaxValue)!;
            change(data);
            CheckpointFile.Write(path, data);
            string message = Assert.Throws<Cifar3ModelException>(() => FakeTrainer.Create(Options(Path.GetDirectoryName(path)!, resume: true)).Fit(Train, Train))!.Message;
            Assert.That(message, Does.Contain(@"\u001B[2Jgone\n").And.Contain(path).And.Not.Contain("\u001b").And.Not.Contain("\n"));
            Assert.That(message, Has.Length.LessThan(2_000));
        }
    }

    [Test]
    public void Load_StopReasonThatCommandsATerminal_IsShown()
    {
        var (path, _) = WriteCheckpoint();
        var data = CheckpointFile.Read(path, long.MaxValue)!;
        data.StopReason = "\u001b[2Jstop";
        CheckpointFile.Write(path, data);

        Assert.That(FakeTrainer.Create(Options(Path.GetDirectoryName(path)!, resume: true)).Fit(Train, Train).StopReason, Is.EqualTo(@"\u001B[2Jstop"));
    }

    [Test]
    public void Read_LargerThanTheNetworkAllows_IsRefusedBeforeReading()
    {
        var (path, bytes) = WriteCheckpoint();

        Assert.That(() => CheckpointFile.Read(path, bytes.Length - 53), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("too large"));
    }

    [Test]
    public void Save_EveryEpoch_LeavesOneFileOnly()
    {
        var (path, _) = WriteCheckpoint();

        Assert.That(Directory.GetFileSystemEntries(Path.GetDirectoryName(path)!), Is.EqualTo(new[] { path }));
    }

    /// <summary>Writes a payload with a right header.</summary>
    private static void Framed(string path, byte[] payload) =>
        File.WriteAllBytes(path, [.. "CIFAR3CK"u8, 1, 0, 0, 0, .. BitConverter.GetBytes(payload.LongLength), .. System.Security.Cryptography.SHA256.HashData(payload), .. payload]);

    private static TrainerOptions Options(string folder, bool resume) => new()
    {
        Epoch = resume ? 3 : 2,
        WorkspacePath = folder,
        Resume = resume,
        Callbacks = [new EarlyStopping(restoreBestWeights: true)],
    };

    private static (string Path, byte[] Bytes) WriteCheckpoint()
    {
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, TrainingCheckpoint.FileName);
        FakeTrainer.Create(Options(folder, resume: false)).Fit(Train, Train);
        return (path, File.ReadAllBytes(path));
    }

    private static void Refused(string path, byte[] content, string what, string message = "")
    {
        File.WriteAllBytes(path, content);
        Assert.That(
            () => FakeTrainer.Create(Options(Path.GetDirectoryName(path)!, resume: true)).Fit(Train, Train),
            Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(path).And.Message.Contains(Remedy).And.Message.Contains(message),
            what);
    }
}
