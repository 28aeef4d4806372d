using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>A training that goes on has the bits of one never interrupted, or says that it has not: the checkpoint knows the instruction set.</summary>
[Category(TestCategories.Numerics)]
public sealed class ArithmeticTests
{
    private static IEnumerable<TestCaseData> Levels() => SimdLevels.Available.Select(level => new TestCaseData((int)level).SetArgDisplayNames(SimdLevels.Name(level)));

    /// <summary>A processor with more instructions than those of the beginning takes no more than those.</summary>
    [TestCaseSource(nameof(Levels))]
    public void Fit_ResumedWhereTheProcessorHasTheInstructions_GoesOnWithThem(int number)
    {
        var level = (SimdLevel)number;
        string folder = TestFiles.NewFolder();
        string whole = With(level, null, 3).Model.WeightHash();
        With(level, folder, 1);

        var resumed = new Cifar3Trainer(TrainingProcess.Options(folder, 3)).Fit(TrainingProcess.Images, TrainingProcess.Images);

        Assert.That(resumed.Model.WeightHash(), Is.EqualTo(whole));
        Assert.That(resumed.ResumeNote, Is.Null);
    }

    [Test]
    public void Fit_ResumedOnAnEngineThatComputesOtherwise_SaysSo()
    {
        var levels = SimdLevels.Available.ToList();
        Assume.That(levels, Has.Count.GreaterThan(1), "This processor computes with one instruction set alone.");
        string folder = TestFiles.NewFolder();
        With(levels[0], folder, 1);

        var resumed = With(levels[^1], folder, 2);

        Assert.That(resumed.ResumeNote, Does.Contain($" on {SimdLevels.Name(levels[0])} and goes on with ").And.Contain($" on {SimdLevels.Name(levels[^1])}:"));
        Assert.That(resumed.ToString(), Does.Contain(". Note: The training was computed by "));
    }

    /// <summary>Once mixed, always said: also by the third run.</summary>
    [Test]
    public void Fit_ResumedWhereTheProcessorLacksTheInstructions_SaysSo()
    {
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, TrainingCheckpoint.FileName);
        With(SimdLevels.Best, folder, 1);
        var data = CheckpointFile.Read(path, long.MaxValue)!;
        Assert.That(data.ComputedBy, Is.EqualTo(new[] { $"Managed {ModelMetadata.CurrentVersion} on {SimdLevels.Name(SimdLevels.Best)}" }));
        data.ComputedBy[0] = "Managed 0.1.0 on AVX-2048";
        CheckpointFile.Write(path, data);
        string expected = $"The training was computed by Managed 0.1.0 on AVX-2048 and goes on with Managed {ModelMetadata.CurrentVersion} on {SimdLevels.Name(SimdLevels.Best)}: the result may differ in its last bits from that of a training computed in one way.";

        for (int epochs = 2; epochs <= 3; epochs++)
        {
            var resumed = new Cifar3Trainer(TrainingProcess.Options(folder, epochs)).Fit(TrainingProcess.Images, TrainingProcess.Images);

            Assert.That(resumed.ResumeNote, Is.EqualTo(expected), $"epoch {epochs}");
        }
    }

    /// <summary>A checkpoint with more than a hundred is refused: that of a training moved to and fro must not become one.</summary>
    [Test]
    public void Fit_ResumedManyTimesElsewhere_KeepsTheLastChanges()
    {
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, TrainingCheckpoint.FileName);
        var options = new TrainerOptions { Epoch = 1, WorkspacePath = folder };
        var images = ColourImages.Create(40);
        FakeTrainer.Create(options).Fit(images);
        var data = CheckpointFile.Read(path, long.MaxValue)!;
        data.ComputedBy.Add(Enumerable.Range(0, 90).Select(i => $"Managed 0.{i}"));
        CheckpointFile.Write(path, data);

        FakeTrainer.Create(options with { Epoch = 2, Resume = true }).Fit(images);

        Assert.That(CheckpointFile.Read(path, long.MaxValue)!.ComputedBy, Is.EqualTo(Enumerable.Range(81, 9).Select(i => $"Managed 0.{i}").Append("Fake 1.0")));
    }

    /// <summary>The real thing, both ways: a process whose runtime has no AVX2.</summary>
    [Test]
    public void Fit_ResumedByAProcessWithFewerInstructions_SaysSo()
    {
        Assume.That(SimdLevels.Best, Is.GreaterThan(SimdLevel.V128), "This processor has no AVX2 that could be taken away.");
        string down = TestFiles.NewFolder(), up = TestFiles.NewFolder();
        With(SimdLevels.Best, down, 1);

        string fewer = TrainingProcess.Run(down, 2, ("DOTNET_EnableAVX2", "0"));
        TrainingProcess.Run(up, 1, ("DOTNET_EnableAVX2", "0"));
        var more = new Cifar3Trainer(TrainingProcess.Options(up, 2)).Fit(TrainingProcess.Images, TrainingProcess.Images);

        Assert.That(fewer, Does.Contain($" on {SimdLevels.Name(SimdLevels.Best)} and goes on with Managed").And.Contain(" on SSE:"));
        Assert.That(more.ResumeNote, Does.Contain(" on SSE and goes on with Managed").And.Contain($" on {SimdLevels.Name(SimdLevels.Best)}:"));
    }

    private static TrainingResult With(SimdLevel level, string? folder, int epochs) =>
        new Cifar3Trainer(TrainingProcess.Options(folder, epochs) with { EngineFactory = (model, options) => new ManagedEngine(model, options, level) }).Fit(TrainingProcess.Images, TrainingProcess.Images);
}
