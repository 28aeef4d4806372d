using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The managed engine and TensorFlow's: the same step from the same state, and trainings that go from one to the other.</summary>
public sealed class BothEnginesTests : TensorFlowTestBase
{
    private const int MaxRounds = 100; // of 128 images about two are decided differently after each change of the batch: one round in ten finds none
    private const double MedianCeiling = 5e-5, WorstCeiling = 2e-4; // of the gradients, relative L2 a tensor; measured without differing decisions: 6e-6, 3e-5

    /// <summary>
    /// A real run with dropout: at some steps the managed engine's state goes into TensorFlow's, and both take one step from there.
    /// (Free runs part by themselves after a few steps of Adam.)
    /// </summary>
    [Test]
    public void TrainStep_FromTheManagedEnginesState_IsTheManagedEnginesStep() => CompareSteps(batch: 16, 1, 10, 50);

    [Test]
    [Explicit("The same at full size: 200 steps of 128 images, about a minute.")]
    public void TrainStep_FromTheManagedEnginesStateAtFullSize_IsTheManagedEnginesStep() => CompareSteps(GoldenFile.Batch, 1, 10, 50, 200);

    /// <summary>
    /// The batches as they are, nothing replaced, in runs with other dropout masks: how often rounding decides a ReLU or a pooling window
    /// that counts. One window of the last block can move all gradients by some 1e-3.
    /// </summary>
    [Test]
    [Explicit("Ten runs of 200 steps of 128 images: about a minute and a half.")]
    public void TrainStep_TenRunsNothingReplaced_MostStepsAgree()
    {
        using var golden = GoldenFile.Open();
        var model = golden.ModelOf("initial_weights", dropout: .5);
        int[] stops = [1, 10, 50, 200];
        var within = new List<bool[]>();
        foreach (int seed in Enumerable.Range(1, 10))
        {
            var options = new EngineOptions { Seed = seed, Threads = 2, MaxBatchSize = GoldenFile.Batch };
            using var managed = new ManagedEngine(model, options);
            using var tensorFlow = new TensorFlowEngine(model, options);
            var steps = new List<StepDifference>();
            for (int step = 1; step <= stops.Max(); step++)
            {
                var (images, labels) = golden.BatchOf(step);
                if (stops.Contains(step))
                {
                    steps.Add(CompareStep(managed, tensorFlow, managed.ExportState(), step, images, labels)); // leaves the managed engine a step further
                }
                else
                {
                    managed.TrainStep(images, labels, 1e-3f, step);
                }
            }

            TestContext.Out.WriteLine($"seed {seed}: {string.Join("; ", steps.Select((difference, i) => $"step {stops[i]} {difference}"))}");
            Assert.That(steps.Select(difference => difference.Loss), Is.All.LessThan(1e-5), $"seed {seed}");
            within.Add([.. steps.Select(difference => difference.IsWithin(2e-4, 5e-3))]);
        }

        int agree = within.Sum(run => run.Count(step => step));
        TestContext.Out.WriteLine($"{agree} of 40 steps and {within.Count(run => run.All(step => step))} of 10 whole runs within the golden ceilings");
        Assert.That(agree, Is.AtLeast(20));
        Assert.That(within, Has.Some.All.True);
    }

    [Test]
    public void Fit_StartedOnOneEngine_GoesOnOnTheOther([Values(TrainingEngine.Managed, TrainingEngine.TensorFlow)] TrainingEngine first)
    {
        var other = first == TrainingEngine.Managed ? TrainingEngine.TensorFlow : TrainingEngine.Managed;
        ImageSet train = ColourImages.Create(96), validation = ColourImages.Create(30, seed: 1);
        var options = new TrainerOptions { Recipe = Recipe.Keras, BatchSize = 32, Filters = [4, 6, 8], Seed = 2, Threads = 2, WorkspacePath = TestFiles.NewFolder() };

        var begun = new Cifar3Trainer(options with { Engine = first, Epoch = 1 }).Fit(train, validation);
        var ended = new Cifar3Trainer(options with { Engine = other, Epoch = 2, Resume = true }).Fit(train, validation);
        var whole = new Cifar3Trainer(options with { Engine = first, Epoch = 2, WorkspacePath = null }).Fit(train, validation);

        Assert.That(begun.Engine, Does.StartWith(first.ToString()));
        Assert.That(ended.Engine, Does.StartWith(other.ToString()));
        Assert.That(ended.History["loss"][0], Is.EqualTo(begun.History["loss"][0]), "the first epoch is the other engine's");
        Assert.That(ended.History["loss"][1], Is.EqualTo(whole.History["loss"][1]).Within(2).Percent, "the second goes on from it");
    }

    /// <summary>On a GPU TensorFlow computes other bits, and in any order. Its number of threads changes none as long as it has no more than a batch has parts.</summary>
    [Test]
    public void Fit_ResumedOnAnotherOfTensorFlowsDevices_SaysSo()
    {
        var images = ColourImages.Create(32);
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, TrainingCheckpoint.FileName);
        var options = new TrainerOptions { Recipe = Recipe.Keras, BatchSize = 32, Filters = [1, 2, 3], Threads = 2, WorkspacePath = folder, Resume = true, Engine = TrainingEngine.TensorFlow, TensorFlow = Options.TensorFlow with { Device = TensorFlowDevice.Cpu } };
        string version = new Cifar3Trainer(options with { Epoch = 1 }).Fit(images).Engine.Split(" (")[0];

        var same = new Cifar3Trainer(options with { Epoch = 2 }).Fit(images);
        var data = CheckpointFile.Read(path, long.MaxValue)!;
        Assert.That(data.ComputedBy, Is.EqualTo(new[] { $"{version} on CPU" }));
        data.ComputedBy[0] = $"{version} on GPU";
        CheckpointFile.Write(path, data);
        var other = new Cifar3Trainer(options with { Epoch = 3 }).Fit(images);

        Assert.That(same.ResumeNote, Is.Null);
        Assert.That(other.ResumeNote, Does.Contain($"computed by {version} on GPU and goes on with {version} on CPU:"));
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
                var before = managed.ExportState();
                foreach (int number in new[] { step, step + 7, step + 13 })
                {
                    CompareBatch(managed, tensorFlow, before, step, number, Batch);
                }

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

    /// <summary>
    /// One batch as it is, and with the images replaced in which the engines decide differently (<see cref="Decisions"/>), until none is left.
    /// Without such images the gradients must agree; where they do not agree with them, there must be one.
    /// </summary>
    private static void CompareBatch(ManagedEngine managed, TensorFlowEngine tensorFlow, EngineState before, int step, int number, Func<int, (byte[] Images, int[] Labels)> batchOf)
    {
        var (images, labels) = batchOf(number);
        int[] undecided = Undecided(), all = undecided;
        var raw = CompareStep(managed, tensorFlow, before, step, images, labels);
        int rounds = 0;
        for (; undecided.Length > 0 && rounds < MaxRounds; rounds++)
        {
            var spare = batchOf(number + 1 + rounds % (GoldenFile.Batches - 1)); // any but the batch itself
            foreach (int image in undecided)
            {
                spare.Images.AsSpan(image * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes).CopyTo(images.AsSpan(image * CnnArchitecture.ImageBytes));
                labels[image] = spare.Labels[image];
            }

            undecided = Undecided(); // the batch's statistics have changed: in other images now
        }

        var decided = CompareStep(managed, tensorFlow, before, step, images, labels);
        string what = $"step {step}, batch {number}";
        TestContext.Out.WriteLine($"{what}: {raw}, {all.Length} images decided differently; after {rounds} rounds of replacement {undecided.Length}: {decided}");
        Assert.Multiple(() =>
        {
            Assert.That(raw.Loss, Is.LessThan(1e-5), $"{what}: loss");
            Assert.That(raw.Correct, Is.LessThanOrEqualTo(1), $"{what}: correct");
            Assert.That(all.Length > 0 || raw.IsWithin(MedianCeiling, WorstCeiling), $"{what}: the gradients differ though all decisions are the same: {raw}");
            Assert.That(undecided, Is.Empty, $"{what}: images decided differently after {rounds} rounds");
            Assert.That(decided.IsWithin(MedianCeiling, WorstCeiling), $"{what}: the gradients differ: {decided}");
        });

        int[] Undecided()
        {
            managed.ImportState(before);
            tensorFlow.ImportState(before);
            managed.TrainStep(images, labels, 1e-3f, step);
            return Decisions.DifferingImages(GoldenFile.Model(), managed, tensorFlow.Activations(images, labels, training: true, step), labels.Length);
        }
    }

    /// <summary>One step of each engine from a state.</summary>
    private static StepDifference CompareStep(ManagedEngine managed, TensorFlowEngine tensorFlow, EngineState before, int step, byte[] images, int[] labels)
    {
        managed.ImportState(before);
        tensorFlow.ImportState(before);
        var expected = managed.TrainStep(images, labels, 1e-3f, step);
        var actual = tensorFlow.TrainStep(images, labels, 1e-3f, step);
        var gradients = EngineComparison.Gradients(before, managed.ExportState());
        var errors = EngineComparison.Gradients(before, tensorFlow.ExportState()).ToDictionary(g => g.Key, g => EngineComparison.RelativeL2(g.Value, gradients[g.Key]));
        var worst = errors.MaxBy(error => error.Value);
        return new StepDifference(
            Math.Abs(actual.LossSum / expected.LossSum - 1), Math.Abs(actual.Correct - expected.Correct), EngineComparison.Median(errors.Values), worst.Value, worst.Key);
    }

    /// <summary>How far two engines' steps differ: the loss relatively, the correct count, the gradients as relative L2 a tensor, and which tensor is worst.</summary>
    private sealed record StepDifference(double Loss, int Correct, double Median, double Worst, string Tensor)
    {
        public bool IsWithin(double median, double worst) => Median < median && Worst < worst;

        public override string ToString() => $"loss {Loss:e1}, gradients median {Median:e1} worst {Worst:e1} ({Tensor})";
    }
}
