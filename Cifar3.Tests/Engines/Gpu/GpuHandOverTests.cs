using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The managed engine and the GPU's: the same step from the same state, and trainings that go from one to the other.</summary>
public sealed class GpuHandOverTests : GpuTestBase
{
    private const double MedianCeiling = 5e-5, WorstCeiling = 2e-4; // of the gradients, relative L2 a tensor, as for TensorFlow's engine

    private static int[] Filters => [8, 16, 24];

    /// <summary>A run with dropout on the managed engine: at some steps its state goes to the GPU's and back, and both take one step from there.</summary>
    [Test]
    public void TrainStep_FromTheOtherEnginesState_IsItsStep()
    {
        var model = EngineTestData.Model(Filters, 3, .5);
        var options = new EngineOptions { Seed = 11, Threads = 2, MaxBatchSize = 16 };
        using var managed = new ManagedEngine(model, options);
        using var gpu = CreateEngine(model, options);
        for (int step = 1; step <= 10; step++)
        {
            var before = managed.ExportState();
            var (images, labels) = step is 2 or 5 or 10
                ? EngineTestData.BatchAwayFromTies(model, before, batch: 4, step, options.Seed, margin: 1e-5)
                : (EngineTestData.RandomImages(16, step), EngineTestData.RandomLabels(16, 3, step));
            var expected = managed.TrainStep(images, labels, 1e-3f, step);
            if (labels.Length == 16)
            {
                continue;
            }

            gpu.ImportState(before);
            EngineComparison.AssertSameBits(gpu.ExportState(), before, $"step {step}: managed to GPU and back");
            var actual = gpu.TrainStep(images, labels, 1e-3f, step);

            var gradients = EngineComparison.Gradients(before, managed.ExportState());
            var errors = EngineComparison.Gradients(before, gpu.ExportState()).ToDictionary(g => g.Key, g => EngineComparison.RelativeL2(g.Value, gradients[g.Key]));
            double loss = Math.Abs(actual.LossSum / expected.LossSum - 1), median = EngineComparison.Median(errors.Values);
            TestContext.Out.WriteLine($"step {step}: loss {loss:e1}, gradients median {median:e1} worst {errors.Values.Max():e1} ({errors.MaxBy(e => e.Value).Key})");
            Assert.Multiple(() =>
            {
                Assert.That(loss, Is.LessThan(1e-5), $"step {step}: loss");
                Assert.That(actual.Correct, Is.EqualTo(expected.Correct), $"step {step}: correct");
                Assert.That(median, Is.LessThan(MedianCeiling), $"step {step}: median");
                Assert.That(errors.Values.Max(), Is.LessThan(WorstCeiling), $"step {step}: worst");
            });
        }
    }

    [Test]
    public void Fit_StartedOnOneEngine_GoesOnOnTheOther([Values] bool gpuFirst)
    {
        ImageSet train = ColourImages.Create(96), validation = ColourImages.Create(30, seed: 1);
        var options = new TrainerOptions { Recipe = Recipe.Keras, BatchSize = 32, Filters = [4, 6, 8], Seed = 2, Threads = 2, WorkspacePath = TestFiles.NewFolder() };
        TrainerOptions first = On(options, gpuFirst), other = On(options, !gpuFirst);

        var begun = new Cifar3Trainer(first with { Epoch = 1 }).Fit(train, validation);
        var ended = new Cifar3Trainer(other with { Epoch = 2, Resume = true }).Fit(train, validation);
        var whole = new Cifar3Trainer(first with { Epoch = 2, WorkspacePath = null }).Fit(train, validation);

        Assert.That(begun.Engine, Does.StartWith(gpuFirst ? "GPU" : "Managed"));
        Assert.That(ended.Engine, Does.StartWith(gpuFirst ? "Managed" : "GPU"));
        Assert.That(ended.History["loss"][0], Is.EqualTo(begun.History["loss"][0]), "the first epoch is the other engine's");
        Assert.That(ended.History["loss"][1], Is.EqualTo(whole.History["loss"][1]).Within(2).Percent, "the second goes on from it");

        static TrainerOptions On(TrainerOptions options, bool gpu) => gpu ? options with { EngineFactory = CreateEngine } : options with { Engine = TrainingEngine.Managed };
    }

    /// <summary>A seed gives the same bits on the same device and driver alone.</summary>
    [Test]
    public void Fit_ResumedOnAnotherDevice_SaysSo()
    {
        var images = ColourImages.Create(32);
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, TrainingCheckpoint.FileName);
        var options = new TrainerOptions { Recipe = Recipe.Keras, BatchSize = 32, Filters = [1, 2, 3], WorkspacePath = folder, Resume = true, EngineFactory = CreateEngine };
        new Cifar3Trainer(options with { Epoch = 1 }).Fit(images);

        var same = new Cifar3Trainer(options with { Epoch = 2 }).Fit(images);
        var data = CheckpointFile.Read(path, long.MaxValue)!;
        data.ComputedBy[0] = $"GPU {ModelMetadata.CurrentVersion} on NVIDIA H100 80GB HBM3 (CUDA driver 12.4, sm_90)";
        CheckpointFile.Write(path, data);
        var other = new Cifar3Trainer(options with { Epoch = 3 }).Fit(images);

        Assert.That(same.ResumeNote, Is.Null);
        Assert.That(other.ResumeNote, Does.Contain("sm_90) and goes on with GPU ").And.Contain("(OpenCL, "));
    }
}
