using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The managed engine and TensorFlow's: the same step from the same state, and trainings that go from one to the other.</summary>
public sealed class BothEnginesTests : TensorFlowTestBase
{
    /// <summary>
    /// A real run with dropout: at some steps the managed engine's state goes into TensorFlow's, and both take one step from there.
    /// (Free runs part by themselves after a few steps of Adam.)
    /// </summary>
    [Test]
    public void TrainStep_FromTheManagedEnginesState_IsTheManagedEnginesStep() => CompareSteps(batch: 16, 1, 10, 50);

    [Test]
    [Explicit("The same at full size: 200 steps of 128 images, about a minute.")]
    public void TrainStep_FromTheManagedEnginesStateAtFullSize_IsTheManagedEnginesStep() => CompareSteps(GoldenFile.Batch, 1, 10, 50, 200);

    [Test]
    public void Fit_StartedOnOneEngine_GoesOnOnTheOther([Values(TrainingEngine.Managed, TrainingEngine.TensorFlow)] TrainingEngine first)
    {
        var other = first == TrainingEngine.Managed ? TrainingEngine.TensorFlow : TrainingEngine.Managed;
        ImageSet train = ColourImages.Create(96), validation = ColourImages.Create(30, seed: 1);
        var options = new TrainerOptions { BatchSize = 32, Filters = [4, 6, 8], Seed = 2, Threads = 2, WorkspacePath = TestFiles.NewFolder() };

        var begun = new Cifar3Trainer(options with { Engine = first, Epoch = 1 }).Fit(train, validation);
        var ended = new Cifar3Trainer(options with { Engine = other, Epoch = 2, Resume = true }).Fit(train, validation);
        var whole = new Cifar3Trainer(options with { Engine = first, Epoch = 2, WorkspacePath = null }).Fit(train, validation);

        Assert.That(begun.Engine, Does.StartWith(first.ToString()));
        Assert.That(ended.Engine, Does.StartWith(other.ToString()));
        Assert.That(ended.History["loss"][0], Is.EqualTo(begun.History["loss"][0]), "the first epoch is the other engine's");
        Assert.That(ended.History["loss"][1], Is.EqualTo(whole.History["loss"][1]).Within(2).Percent, "the second goes on from it");
    }

    private static void CompareSteps(int batch, params int[] stops)
    {
        using var golden = GoldenFile.Open();
        var model = golden.ModelOf("initial_weights", dropout: .5);
        var options = new EngineOptions { Seed = 11, Threads = 2, MaxBatchSize = batch };
        using var managed = new ManagedEngine(model, options);
        using var tensorFlow = new TensorFlowEngine(model, options);
        for (int step = 1; step <= stops.Max(); step++)
        {
            if (stops.Contains(step))
            {
                // A pooling tie that falls differently moves the gradients of all layers before it, but it is a matter of one batch: of three, the middle one counts.
                var before = managed.ExportState();
                var (median, worst) = new[] { step, step + 7, step + 13 }.Select(number => CompareStep(managed, tensorFlow, before, step, Batch(number))).Order().ElementAt(1);
                Assert.That(median, Is.LessThan(2e-4), $"gradients of step {step}, median");
                Assert.That(worst, Is.LessThan(5e-3), $"gradients of step {step}, worst");
                managed.ImportState(before);
            }

            var (images, labels) = Batch(step);
            managed.TrainStep(images, labels, 1e-3f, step);
        }

        (byte[] Images, int[] Labels) Batch(int number)
        {
            var (images, labels) = golden.BatchOf(number);
            return (images[..(batch * CnnArchitecture.ImageBytes)], labels[..batch]);
        }
    }

    /// <summary>One step of each engine from a state. Asserts that loss and correct count agree; returns how far the gradients differ, relative L2 a tensor.</summary>
    private static (double Median, double Worst) CompareStep(ManagedEngine managed, TensorFlowEngine tensorFlow, EngineState before, int step, (byte[] Images, int[] Labels) batch)
    {
        managed.ImportState(before);
        tensorFlow.ImportState(before);
        var expected = managed.TrainStep(batch.Images, batch.Labels, 1e-3f, step);
        var actual = tensorFlow.TrainStep(batch.Images, batch.Labels, 1e-3f, step);
        var gradients = EngineComparison.Gradients(before, managed.ExportState());
        var errors = EngineComparison.Gradients(before, tensorFlow.ExportState()).ToDictionary(g => g.Key, g => EngineComparison.RelativeL2(g.Value, gradients[g.Key]));
        double loss = Math.Abs(actual.LossSum / expected.LossSum - 1), median = EngineComparison.Median(errors.Values);
        var worst = errors.MaxBy(error => error.Value);
        TestContext.Out.WriteLine($"step {step}: loss {loss:e1}, gradients median {median:e1} worst {worst.Value:e1} ({worst.Key})");
        Assert.Multiple(() =>
        {
            Assert.That(loss, Is.LessThan(1e-5), $"loss of step {step}");
            Assert.That(actual.Correct, Is.EqualTo(expected.Correct).Within(1), $"correct of step {step}");
        });
        return (median, worst.Value);
    }
}
