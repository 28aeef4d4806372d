using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Targets, weight decay, frozen layers, statistics and the quick copy of the weights, each against the oracle.</summary>
public sealed partial class EngineContract
{
    private static readonly string[][] FrozenChoices =
    [
        ["conv2d", "batch_normalization", "conv2d_1"],
        ["batch_normalization_1"],
        ["batch_normalization", "batch_normalization_1", "batch_normalization_2"],
        ["conv2d", "batch_normalization", "conv2d_1", "conv2d_2", "batch_normalization_1", "conv2d_3", "conv2d_4", "batch_normalization_2", "conv2d_5"],
        ["dense", "conv2d_4"],
    ];

    /// <summary>Rows that sum to 1 (smoothing, mixing), to something else (class weights), and to 0 (an image that does not count).</summary>
    [TestCase(3, 5, 1)]
    [TestCase(10, 4, 1)]
    [TestCase(3, 17, 1)] // in parts, on engines that cut batches
    public void TrainStep_Targets_EqualsOracle(int classes, int batch, int seed)
    {
        var model = EngineTestData.Model(Small, classes, .25);
        var before = EngineTestData.RandomState(model, seed);
        var (images, labels) = EngineTestData.BatchAwayFromTies(model, before, batch, step: 3, Seed, margin: batch > 8 ? 2e-6 : 1e-5);
        var random = new PhiloxRandom(seed, 0x77000009);
        float[] targets = [.. Enumerable.Range(0, batch * classes).Select(n => n / classes == 1 ? 0 : 1.5f * random.NextSingle())];
        using var e = Create(model, before);

        OracleStep.AssertEqual(e, model, before, new Step(images, labels, 3, Seed, targets), StepCeilings.AwayFromTies);
    }

    [Test]
    public void TrainStep_TargetsOfTheLabels_AreTheStepWithoutTargets()
    {
        using var e = CreateTrained(maxBatch: 8, out _);
        using var other = CreateTrained(maxBatch: 8, out _);
        byte[] images = EngineTestData.RandomImages(8, 1);
        int[] labels = EngineTestData.RandomLabels(8, 3, 1);
        float[] targets = [.. labels.SelectMany(label => Enumerable.Range(0, 3).Select(c => c == label ? 1f : 0))];

        var plain = e.TrainStep(images, labels, LearningRate, 3);
        var result = other.TrainStep(images, labels, targets, LearningRate, 3);

        Assert.That(result.Correct, Is.EqualTo(plain.Correct));
        Assert.That(result.LossSum, Is.EqualTo(plain.LossSum).Within(1e-5 * plain.LossSum));
        var gradients = EngineComparison.Gradients(TrainedSmall.Value.State, e.ExportState());
        foreach (var (name, gradient) in EngineComparison.Gradients(TrainedSmall.Value.State, other.ExportState()))
            Assert.That(EngineComparison.RelativeL2(gradient, gradients[name]), Is.LessThan(1e-5), name);
    }

    [TestCase("a target too few")]
    [TestCase("a negative target")]
    [TestCase("a target that is no number")]
    public void TrainStep_BadTargets_AreRefused(string what)
    {
        using var e = CreateTrained(maxBatch: 8, out var state);
        float[] targets = what switch { "a target too few" => new float[5], "a negative target" => [1, 0, 0, 1, 0, -.1f], _ => [1, 0, 0, 0, float.NaN, 1] };

        Assert.That(() => e.TrainStep(EngineTestData.RandomImages(2, 1), [0, 1], targets, LearningRate, 3), Throws.InstanceOf<ArgumentException>());
        EngineComparison.AssertSameBits(e.ExportState(), state, "after a refused step");
    }

    [TestCase(.05f)]
    [TestCase(20f)]
    public void TrainStep_WeightDecay_EqualsOracle(float decay)
    {
        var model = EngineTestData.Model(Small, 3, .25);
        var before = EngineTestData.RandomState(model, seed: 4);
        var (images, labels) = EngineTestData.BatchAwayFromTies(model, before, batch: 4, step: 3, Seed, margin: 1e-5);
        var options = new EngineOptions { Seed = Seed, Threads = 2, WeightDecay = decay };
        using var e = engine.Create(model, options);
        e.ImportState(before);

        OracleStep.AssertEqual(e, model, before, new Step(images, labels, 3, Seed), StepCeilings.AwayFromTies, options);
    }

    /// <summary>A step takes learning rate × decay of a kernel away, beside what Adam does.</summary>
    [TestCase(1e-4f)]
    [TestCase(.02f)]
    public void TrainStep_WeightDecay_GoesWithTheLearningRate(float learningRate)
    {
        var model = EngineTestData.Model(Small, 3, .25);
        var before = EngineTestData.RandomState(model, seed: 4);
        float[] kept = Kernel(0), decayed = Kernel(.5f), start = before.Weights.Single(weight => weight.Name == "conv2d_1/kernel").ToArray();

        Assert.That(decayed.Zip(kept, (a, b) => a - b), Is.EqualTo(start.Select(weight => -learningRate * .5f * weight)).Within(1e-6f));

        float[] Kernel(float decay)
        {
            using var e = engine.Create(model, new EngineOptions { Seed = Seed, Threads = 2, WeightDecay = decay });
            e.ImportState(before);
            e.TrainStep(EngineTestData.RandomImages(4, 1), EngineTestData.RandomLabels(4, 3, 1), learningRate, 3);
            return e.ExportState().Weights.Single(weight => weight.Name == "conv2d_1/kernel").ToArray();
        }
    }

    [TestCaseSource(nameof(FrozenChoices))]
    public void TrainStep_FrozenLayers_StayAndTheOthersAreTheOracles(params string[] frozen)
    {
        var model = EngineTestData.Model(Small, 3, .25);
        var before = EngineTestData.RandomState(model, seed: 5);
        var (images, labels) = EngineTestData.BatchAwayFromTies(model, before, batch: 4, step: 3, Seed, margin: 1e-5);
        var options = new EngineOptions { Seed = Seed, Threads = 2, FrozenLayers = frozen, WeightDecay = .1f };
        using var e = engine.Create(model, options);
        e.ImportState(before);

        OracleStep.AssertEqual(e, model, before, new Step(images, labels, 3, Seed), StepCeilings.WithTies, options); // the batch is away from the ties of the network that trains
    }

    [Test]
    public void UpdateStatistics_ManyBatches_AreTheMeanOfTheirStatistics()
    {
        var (model, state) = TrainedSmall.Value;
        using var e = CreateTrained(maxBatch: 8, out _);
        var oracle = new ReferenceNetwork(model, state);
        var fresh = new ReferenceNetwork(model, state);

        for (int k = 0; k < 3; k++)
        {
            byte[] images = EngineTestData.RandomImages(8 - k, seed: k);
            e.UpdateStatistics(images, (double)k / (k + 1));
            oracle.UpdateStatistics(images, (double)k / (k + 1));
        }

        var after = e.ExportState();
        Assert.Multiple(() =>
        {
            foreach (var tensor in after.Weights.Where(w => w.IsMoving()))
                Assert.That(EngineComparison.RelativeToLargest(tensor.Doubles(), oracle.Weights[tensor.Name]), Is.LessThan(1e-5), tensor.Name);
        });
        EngineComparison.AssertSameBits(after with { Weights = [.. after.Weights.Where(w => !w.IsMoving())] }, state with { Weights = [.. state.Weights.Where(w => !w.IsMoving())] }, "all but the moving statistics");

        byte[] tested = EngineTestData.RandomImages(5, seed: 9);
        var p = new float[15];
        e.Predict(tested, p);
        Assert.That(EngineComparison.Farthest(p, oracle.Predict(tested)), Is.LessThan(1e-5), "inference with the new statistics");
        Assert.That(p.Zip(fresh.Predict(tested), (a, b) => Math.Abs(a - b)).Max(), Is.GreaterThan(1e-4), "the old statistics would give something else");
    }

    /// <summary>Without a share of the old ones nothing of them is left, however large they were: sums in float32 would keep their rounding.</summary>
    [Test]
    public void UpdateStatistics_NothingKept_AreThoseOfTheBatch()
    {
        var (model, state) = TrainedSmall.Value;
        var before = state with { Weights = [.. state.Weights.Select(w => w.IsMoving() ? new WeightTensor(w.Name, w.Shape, [.. Enumerable.Repeat(1e4f, w.Count)]) : w)] };
        using var e = Create(model, before, maxBatch: 8);
        var oracle = new ReferenceNetwork(model, before);
        byte[] images = EngineTestData.RandomImages(8, seed: 1);

        e.UpdateStatistics(images, 0);

        oracle.UpdateStatistics(images, 0);
        foreach (var tensor in e.ExportState().Weights.Where(w => w.IsMoving()))
            Assert.That(EngineComparison.RelativeToLargest(tensor.Doubles(), oracle.Weights[tensor.Name]), Is.LessThan(1e-5), tensor.Name);
    }

    [Test]
    public void UpdateStatistics_FrozenNormalization_Stays()
    {
        var (model, state) = TrainedSmall.Value;
        using var e = engine.Create(model, new EngineOptions { FrozenLayers = ["batch_normalization_1"], MaxBatchSize = 8 });
        e.ImportState(state);

        e.UpdateStatistics(EngineTestData.RandomImages(8, 1), 0);

        var after = e.ExportState();
        Assert.Multiple(() =>
        {
            foreach (string variable in new[] { "moving_mean", "moving_variance" })
            {
                Assert.That(after.Weights.Of($"batch_normalization_1/{variable}").ToArray(), Is.EqualTo(state.Weights.Of($"batch_normalization_1/{variable}").ToArray()), variable);
                Assert.That(after.Weights.Of($"batch_normalization_2/{variable}").ToArray(), Is.Not.EqualTo(state.Weights.Of($"batch_normalization_2/{variable}").ToArray()), variable);
            }
        });
    }

    [Test]
    public void UpdateStatistics_BadInput_IsRefused()
    {
        using var e = CreateTrained(maxBatch: 8, out var state);

        Assert.Multiple(() =>
        {
            Assert.That(() => e.UpdateStatistics([], 0), Throws.InstanceOf<ArgumentException>(), "no image");
            Assert.That(() => e.UpdateStatistics(new byte[9 * Image], 0), Throws.InstanceOf<ArgumentException>(), "too many");
            Assert.That(() => e.UpdateStatistics(new byte[Image + 1], 0), Throws.InstanceOf<ArgumentException>(), "not whole");
            Assert.That(() => e.UpdateStatistics(new byte[Image], 1.01), Throws.InstanceOf<ArgumentException>(), "momentum");
            Assert.That(() => e.UpdateStatistics(new byte[Image], double.NaN), Throws.InstanceOf<ArgumentException>(), "momentum NaN");
        });
        EngineComparison.AssertSameBits(e.ExportState(), state, "after refused updates");
    }

    [Test]
    public void ReadWeights_Always_AreTheExportedOnesInOrder()
    {
        var model = EngineTestData.Model([5, 7, 9], 3, .5);
        using var e = Create(model);
        Train(e, 1, 2);
        var weights = new float[model.Weights.Sum(w => w.Count)];

        e.ReadWeights(weights);

        Assert.That(weights, Is.EqualTo(e.ExportState().Weights.SelectMany(w => w.ToArray()).ToArray()));
        Assert.That(() => e.ReadWeights(new float[weights.Length - 1]), Throws.InstanceOf<ArgumentException>());
    }

    [Test]
    public void Create_OptionsOutOfRange_AreRefused()
    {
        Assume.That(engineName, Is.Not.EqualTo("Reference"), "The reference engine checks no options.");
        var model = EngineTestData.Model(Small, 3, .5);

        Assert.That(() => engine.Create(model, new EngineOptions { WeightDecay = -1 }), Throws.InstanceOf<ArgumentException>().With.Message.Contains("WeightDecay=-1"));
        Assert.That(() => engine.Create(model, new EngineOptions { FrozenLayers = ["conv_9"] }), Throws.InstanceOf<ArgumentException>().With.Message.Contains("conv_9").And.Message.Contains("conv2d_5"));
        Assert.That(() => engine.Create(model, new EngineOptions { FrozenLayers = [.. model.Layers.Select(layer => layer.Name)] }), Throws.InstanceOf<ArgumentException>().With.Message.Contains("nothing to train").And.Message.Contains("dense"));
    }
}
