using System.Globalization;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Processes killed while they write, and trainings ended by signals: every file is whole, the old one or the new one, and what goes on ends in the same bits.</summary>
[Platform("Linux")]
public sealed class KillTests
{
    [Test]
    [CancelAfter(300_000)]
    public void Write_KilledAtAnyMoment_LeavesWholeFiles() => Kill(count: 4);

    /// <summary>The same three hundred times.</summary>
    [Test, Category(TestCategories.Slow)]
    public void Write_KilledThreeHundredTimes_LeavesWholeFiles() => Kill(count: 300);

    [Test]
    [CancelAfter(300_000)]
    public void Train_EndedBySignalsAndKills_EndsInTheSameBits() => Signals(rounds: 4);

    /// <summary>The same two hundred times.</summary>
    [Test, Category(TestCategories.Slow)]
    public void Train_EndedTwoHundredTimes_EndsInTheSameBits() => Signals(rounds: 200);

    /// <summary>What the process does: writes two models in turn over one file, as ONNX and as Keras file, until it is killed.</summary>
    public static int WriteInChild(string folder)
    {
        CnnModel[] models = [Model(1), Model(2)];
        for (int i = 0; ; i++)
        {
            models[i % 2].SaveOnnx(Path.Combine(folder, "m.onnx"));
            KerasFile.Save(Path.Combine(folder, "m.keras"), models[i % 2]);
            if (i == 0)
            {
                Console.WriteLine("writing");
            }
        }
    }

    private static void Kill(int count)
    {
        string folder = TestFiles.NewFolder();
        string[] hashes = [Model(1).WeightHash(), Model(2).WeightHash()];
        var random = new Random(1);
        int leftOver = 0;
        for (int i = 0; i < count; i++)
        {
            using var process = ChildProgram.Start(["write", folder], []);
            Assert.That(process.StandardOutput.ReadLine(), Is.EqualTo("writing"));
            Thread.Sleep(random.Next(100));
            process.Kill();
            process.WaitForExit();

            leftOver += Directory.GetFiles(folder).Length - 2;
            Assert.That(hashes, Does.Contain(CnnModel.LoadOnnx(Path.Combine(folder, "m.onnx")).WeightHash()));
            Assert.That(hashes, Does.Contain(KerasFile.Load(Path.Combine(folder, "m.keras")).Model.WeightHash()));
        }

        Assert.That(Directory.GetFiles(folder), Has.Length.LessThanOrEqualTo(3), "each process removes what the one before left");
        TestContext.Out.WriteLine($"{count:N0} kills: {leftOver:N0} left a temporary file until the next process, no file damaged");
    }

    private static void Signals(int rounds)
    {
        int epochs = 20 * rounds;
        string folder = TestFiles.NewFolder();
        var counts = new SortedDictionary<string, int>();
        string[] signals = ["TERM", "KILL", "HUP", "INT"];
        var random = new Random(1);
        int done = 0;
        for (int i = 0; i < rounds; i++)
        {
            using var process = TrainingProcess.Start(folder, epochs);
            while (process.StandardOutput.ReadLine() is { } line && !line.StartsWith("Epoch ", StringComparison.Ordinal))
            {
            }

            Thread.Sleep(random.Next(60));
            string signal = signals[i % signals.Length];
            process.Signal(signal);
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            counts[$"{signal} {process.ExitCode}"] = counts.GetValueOrDefault($"{signal} {process.ExitCode}") + 1;
            int expected = signal switch { "TERM" => 143, "HUP" => 129, "INT" => 130, _ => 137 };
            Assert.That(process.ExitCode, Is.EqualTo(expected).Or.Zero, signal);
            done += process.ExitCode == 0 ? 1 : 0;
        }

        var resumed = new Cifar3Trainer(TrainingProcess.Options(folder, epochs)).Fit(TrainingProcess.Images, TrainingProcess.Images);
        var whole = new Cifar3Trainer(TrainingProcess.Options(null, epochs)).Fit(TrainingProcess.Images, TrainingProcess.Images);

        TestContext.Out.WriteLine($"{rounds:N0} ends ({string.Join(", ", counts.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key}: {pair.Value}")))}; {done} had finished before), {epochs:N0} epochs, the same bits");
        Assert.That(resumed.Model.WeightHash(), Is.EqualTo(whole.Model.WeightHash()));
        Assert.That(Directory.GetFiles(folder).Select(Path.GetFileName), Is.EqualTo(new[] { TrainingCheckpoint.FileName }));
    }

    private static CnnModel Model(int seed) => TestModels.Random(filters: [8, 16, 16], seed: seed);
}
