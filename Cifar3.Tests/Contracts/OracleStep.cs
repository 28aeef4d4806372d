using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>One training step's input beside the state; the learning rate is <see cref="OracleStep.LearningRate"/>.</summary>
internal sealed record Step(byte[] Images, int[] Labels, long Number, int Seed, float[]? Targets = null);

/// <summary>How far a step may be from the oracle's: relative L2 of the gradients over the tensors, and the number of correct images.</summary>
internal readonly record struct StepCeilings(double MedianGradient, double WorstGradient, int Correct)
{
    /// <summary>Where no ReLU and no pooling can choose differently. Winograd's transforms round a little more than direct sums: up to 2.1e-5 in the median.</summary>
    public static StepCeilings AwayFromTies => new(3e-5, 5e-5, 0);

    /// <summary>Where float32 may choose differently at a tie: what the golden files allow for a step near the start.</summary>
    public static StepCeilings WithTies => new(2e-4, 5e-3, 1);
}

/// <summary>One training step of an engine against the oracle's.</summary>
internal static class OracleStep
{
    public const float LearningRate = 1e-3f;

    /// <summary>Takes the step with the engine, whose state must be <paramref name="before"/>, and compares everything the step makes.</summary>
    public static void AssertEqual(ITrainingEngine e, CnnModel model, EngineState before, Step step, StepCeilings ceilings, EngineOptions? options = null)
    {
        options ??= new EngineOptions();
        var oracle = new ReferenceNetwork(model, before, options);
        var expected = oracle.TrainStep(step.Images, step.Labels, LearningRate, step.Number, step.Seed, step.Targets);

        var result = e.TrainStep(step.Images, step.Labels, step.Targets, LearningRate, step.Number);

        var after = e.ExportState();
        AssertFrozenAreUntouched(before, after, options);
        var errors = EngineComparison.Gradients(before, after).Where(g => !IsFrozen(g.Key, options)).ToDictionary(g => g.Key, g => EngineComparison.RelativeL2(g.Value, oracle.Gradients[g.Key]));
        var worst = errors.MaxBy(error => error.Value);
        double median = EngineComparison.Median(errors.Values);
        double moving = after.Weights.Where(w => w.IsMoving()).Max(w => EngineComparison.RelativeToLargest(w.Doubles(), oracle.Weights[w.Name]));
        TestContext.Out.WriteLine(
            $"loss {Math.Abs(result.LossSum / expected.LossSum - 1):e1}, gradients median {median:e1} worst {worst.Value:e1} ({worst.Key}), moving {moving:e1}");
        Assert.Multiple(() =>
        {
            Assert.That(after.Step, Is.EqualTo(step.Number), "step");
            Assert.That(result.Count, Is.EqualTo(step.Labels.Length), "count");
            Assert.That(result.LossSum, Is.EqualTo(expected.LossSum).Within(1e-5 * expected.LossSum + 1.2e-7 * result.Count), "loss"); // float32 may round once an image
            Assert.That(result.Correct, Is.EqualTo(expected.Correct).Within(ceilings.Correct), "correct");
            Assert.That(median, Is.LessThan(ceilings.MedianGradient), "gradients, median");
            Assert.That(worst.Value, Is.LessThan(ceilings.WorstGradient), $"gradient of {worst.Key}; all: {string.Join(", ", errors.Select(x => $"{x.Key} {x.Value:e1}"))}");
            Assert.That(moving, Is.LessThan(1e-5), "moving statistics");
            AssertAdamFollowsItsFormula(before, after, step.Number, options);
        });
    }

    private static bool IsFrozen(string weight, EngineOptions options) => options.FrozenLayers.Contains(weight.Split('/')[0]);

    private static void AssertFrozenAreUntouched(EngineState before, EngineState after, EngineOptions options)
    {
        foreach (var (old, current) in before.Weights.Concat(before.AdamM).Concat(before.AdamV).Zip(after.Weights.Concat(after.AdamM).Concat(after.AdamV)).Where(pair => IsFrozen(pair.First.Name, options)))
            Assert.That(current.Values.SequenceEqual(old.Values), Is.True, $"{old.Name} is frozen and changed");
    }

    /// <summary>Whatever the gradient was: v' and the new weights are what Adam makes of it, to float32's rounding.</summary>
    public static void AssertAdamFollowsItsFormula(EngineState before, EngineState after, long step, EngineOptions? options = null)
    {
        options ??= new EngineOptions();
        var gradients = EngineComparison.Gradients(before, after);
        foreach (string name in gradients.Keys.Where(name => !IsFrozen(name, options)))
        {
            double kept = 1 - (name.EndsWith("/kernel", StringComparison.Ordinal) ? (double)LearningRate * options.WeightDecay : 0);
            double[] g = gradients[name], m = after.AdamM.Of(name).Doubles(), v = after.AdamV.Of(name).Doubles(), old = before.AdamV.Of(name).Doubles();
            double[] expected = [.. old.Select((value, n) => .999 * value + .001 * g[n] * g[n])];
            // TensorFlow's operator computes 1 − β₂ from β₂ in float32: 1.3e-5 less than .001.
            Assert.That(EngineComparison.RelativeToLargest(v, expected), Is.LessThan(2e-5), $"Adam's v of {name}");

            double[] w = after.Weights.Of(name).Doubles(), start = before.Weights.Of(name).Doubles();
            double worst = EngineComparison.Largest(w.Select((value, n) =>
                Math.Abs(value - (kept * start[n] - ReferenceAdam.Update(m[n], v[n], LearningRate, step))) / (1e-5 * LearningRate + (kept == 1 ? 1.2e-7 : 2.4e-7) * Math.Abs(value))));
            Assert.That(worst, Is.LessThan(1), $"{name} is not Adam's update of its moments: off by {worst:N1} times float32's rounding");
        }
    }
}
