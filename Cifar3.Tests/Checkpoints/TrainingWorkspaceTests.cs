using System.Globalization;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>One workspace, one training: a second one is refused with the first one's process and machine; a killed one's lock is none.</summary>
public sealed class TrainingWorkspaceTests
{
    private static readonly ImageSet Train = ColourImages.Create(60);

    [Test]
    public void Fit_WorkspaceInUse_IsRefusedWithProcessAndMachine()
    {
        string folder = TestFiles.NewFolder();
        var refusals = new List<string>();
        var during = new Recorder
        {
            OnEpoch = (_, log) =>
            {
                foreach (var options in new[] { Options(folder), Options(folder) with { Resume = true }, Options(folder) with { Seed = 9 } })
                {
                    refusals.Add(Assert.Throws<Cifar3Exception>(() => FakeTrainer.Create(options).Fit(Train))!.Message);
                }
            },
        };
        string alone = FakeTrainer.Create(Options(null)).Fit(Train).Model.WeightHash();

        var first = FakeTrainer.Create(Options(folder) with { Callbacks = [during] }).Fit(Train);

        Assert.That(refusals, Has.Count.EqualTo(6));
        Assert.That(refusals, Has.All.StartsWith($"Cannot train in '{folder}': another training uses it (process {Environment.ProcessId} on {Environment.MachineName}, since ").And.All.EndsWith("or use another WorkspacePath."));
        Assert.That(first.Model.WeightHash(), Is.EqualTo(alone), "the first one goes on");
        Assert.That(Directory.GetFiles(folder).Select(Path.GetFileName), Is.EqualTo(new[] { TrainingCheckpoint.FileName }), "the lock goes with the training");
        Assert.That(FakeTrainer.Create(Options(folder) with { Resume = true, Epoch = 3 }).Fit(Train).History.Epochs, Has.Length.EqualTo(3), "then the next may");
    }

    [Test]
    public void Fit_TrainingThatFails_LetsTheWorkspaceGo()
    {
        string folder = TestFiles.NewFolder();
        var failing = new Recorder { OnBatch = _ => throw new InvalidOperationException("a callback's own") };
        Assert.That(() => FakeTrainer.Create(Options(folder) with { Callbacks = [failing] }).Fit(Train), Throws.InvalidOperationException);
        Assert.That(() => FakeTrainer.Create(Options(folder), (_, _) => throw new InvalidOperationException("an engine's own")).Fit(Train), Throws.InvalidOperationException);

        Assert.That(FakeTrainer.Create(Options(folder)).Fit(Train).History.Epochs, Has.Length.EqualTo(2));
    }

    [Test]
    [CancelAfter(300_000)]
    public void Fit_WorkspaceOfAnotherProcess_IsRefusedWhileItLivesAndTakenOverWhenItIsDead()
    {
        string folder = TestFiles.NewFolder(), lockPath = Path.Combine(folder, TrainingWorkspace.LockName);
        using var other = TrainingProcess.Start(folder, 100_000);
        while (other.StandardOutput.ReadLine() is { } line && !line.StartsWith("Epoch 2/", StringComparison.Ordinal))
        {
        }

        string refused = Assert.Throws<Cifar3Exception>(() => Go(TrainingProcess.Options(folder, 100_000)))!.Message;
        other.Kill();
        other.WaitForExit();

        Assert.That(refused, Does.Contain($"(process {other.Id.ToString(CultureInfo.InvariantCulture)} on {Environment.MachineName}, since "));
        Assert.That(File.Exists(lockPath), Is.EqualTo(!OperatingSystem.IsWindows()), "a killed process cannot remove it; Windows does");
        int done = Go(TrainingProcess.Options(folder, 100_000) with { Callbacks = [new Recorder { OnEpoch = (context, _) => context.StopTraining("enough") }] }).History.Epochs.Length;
        Assert.That(done, Is.GreaterThan(1), "it goes on where the dead one was");
        Assert.That(File.Exists(lockPath), Is.False);
    }

    /// <summary>The folder is removed (<c>rm -r</c>), or moved away, and another training begins in one of its name: each of them replaced the other's checkpoint after every epoch.</summary>
    [TestCase(true)]
    [TestCase(false)]
    [Platform(Exclude = "Win", Reason = "Windows moves and removes no folder with an open file")]
    public void Fit_FolderThatAnotherTrainingHasMeanwhile_EndsAndLeavesTheOthersFiles(bool moves)
    {
        string folder = Path.Combine(TestFiles.NewFolder(), "run"), away = folder + "-old", lockPath = Path.Combine(folder, TrainingWorkspace.LockName), checkpoint = Path.Combine(folder, TrainingCheckpoint.FileName);
        FileLock? other = null;
        var during = new Recorder { OnBatch = batch => other ??= batch < 3 ? null : BeginOther() };

        string refused = Assert.Throws<Cifar3Exception>(() => FakeTrainer.Create(Options(folder) with { Epoch = 3, Callbacks = [during] }).Fit(Train))!.Message;

        Assert.That(refused, Is.EqualTo($"Cannot go on in '{folder}': the folder was moved or removed meanwhile, and another training uses the one of this name now (another), whose files would be replaced. Go on, with Resume, in the folder that was moved, or use another WorkspacePath."));
        Assert.That(File.ReadAllText(checkpoint), Is.EqualTo("another training's"));
        Assert.That(lockPath, Does.Exist, "it is the other's");
        other!.Dispose();
        if (moves)
        {
            Assert.That(FakeTrainer.Create(Options(away) with { Epoch = 3, Resume = true }).Fit(Train).History.Epochs, Has.Length.EqualTo(3), "nothing that was trained is lost");
        }

        FileLock BeginOther()
        {
            if (moves)
            {
                Directory.Move(folder, away);
            }
            else
            {
                Directory.Delete(folder, recursive: true);
            }

            Directory.CreateDirectory(folder);
            File.WriteAllText(checkpoint, "another training's");
            return FileLock.TryTake(lockPath, "another")!;
        }
    }

    /// <summary>What is written after that is in a folder of the name that was given, which is locked again: no second training gets in.</summary>
    [Test]
    [Platform(Exclude = "Win", Reason = "Windows removes no folder with an open file")]
    public void Fit_FolderRemoved_GoesOnAndIsLockedAgain()
    {
        string folder = Path.Combine(TestFiles.NewFolder(), "run");
        bool isLocked = false;
        var during = new Recorder
        {
            OnBatch = batch =>
            {
                if (batch == 3)
                {
                    Directory.Delete(folder, recursive: true);
                }
                else if (batch == 5)
                {
                    isLocked = FileLock.TryTake(Path.Combine(folder, TrainingWorkspace.LockName), "a second one") is null;
                }
            },
        };

        FakeTrainer.Create(Options(folder) with { Epoch = 3, Callbacks = [during] }).Fit(Train);

        Assert.That(isLocked);
        Assert.That(Directory.GetFiles(folder).Select(Path.GetFileName), Is.EqualTo(new[] { TrainingCheckpoint.FileName }));
    }

    /// <summary>The lock's file comes and goes, and still there are never two holders.</summary>
    [Test]
    public void TryTake_ManyThreads_OneHolderAtATime()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "a.lock");
        int holders = 0, most = 0, taken = 0, refused = 0;
        var workers = Enumerable.Range(0, 8).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                using var taking = FileLock.TryTake(path, $"thread {Environment.CurrentManagedThreadId}");
                if (taking is null)
                {
                    Interlocked.Increment(ref refused);
                    continue;
                }

                int now = Interlocked.Increment(ref holders);
                Interlocked.Increment(ref taken);
                if (now > Volatile.Read(ref most))
                {
                    Volatile.Write(ref most, now);
                }

                Thread.Yield();
                Interlocked.Decrement(ref holders);
            }
        })).ToList();

        workers.ForEach(worker => worker.Start());
        workers.ForEach(worker => worker.Join());

        Assert.That((most, taken + refused), Is.EqualTo((1, 1600)));
        Assert.That(File.Exists(path), Is.False);
    }

    private static TrainingResult Go(TrainerOptions options) => new Cifar3Trainer(options).Fit(TrainingProcess.Images, TrainingProcess.Images);

    private static TrainerOptions Options(string? folder) => new() { Epoch = 2, Seed = 1, WorkspacePath = folder };
}
