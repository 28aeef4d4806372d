using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The contract's own test: engines that are wrong on purpose, each by a little, must fail it.</summary>
public sealed class OracleStepTests
{
    [TestCase("right", null)]
    [TestCase("one label changed", "loss")]
    [TestCase("one pixel changed", "gradient of")]
    [TestCase("another step's masks and Adam", "loss")]
    [TestCase("another seed's masks", "loss")]
    [TestCase("learning rate a thousandth too high", "not Adam's update")]
    [TestCase("moving variance off by a ten-thousandth", "moving statistics")]
    [TestCase("one weight's moment dropped", "gradient of")]
    [TestCase("second moment off by a thousandth", "Adam's v")]
    [TestCase("epsilon inside the root", "not Adam's update")]
    public void AssertEqual_WrongEngine_FailsAndNamesWhatDiffers(string mistake, string? named)
    {
        var model = EngineTestData.Model([5, 7, 9], 3, .5);
        var before = EngineTestData.RandomState(model, seed: 1);
        var (images, labels) = EngineTestData.BatchAwayFromTies(model, before, batch: 3, step: 3, seed: 7, margin: 1e-5);
        using var e = new WrongEngine(model, before, mistake);

        TestDelegate compare = () => OracleStep.AssertEqual(e, model, before, new Step(images, labels, 3, 7), StepCeilings.AwayFromTies);

        Assert.That(compare, named is null ? Throws.Nothing : Throws.InstanceOf<ResultStateException>().With.Message.Contains(named));
    }

    /// <summary>The reference engine with one mistake.</summary>
    private sealed class WrongEngine(CnnModel model, EngineState before, string mistake) : ITrainingEngine
    {
        private readonly ReferenceNetwork network = new(model, before);

        public string Name => "Wrong";

        public string Device => mistake;

        public bool IsDeterministic => true;

        public BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step)
        {
            byte[] pixels = [.. images];
            int[] classes = [.. labels];
            switch (mistake)
            {
                case "one label changed": classes[1] = (classes[1] + 1) % 3; break;
                case "one pixel changed": pixels[5000] ^= 0x40; break;
                case "learning rate a thousandth too high": learningRate *= 1.001f; break;
                case "another step's masks and Adam": step++; break;
            }

            return network.TrainStep(pixels, classes, learningRate, step, mistake == "another seed's masks" ? 8 : 7);
        }

        public EngineState ExportState()
        {
            var state = network.Export(3);
            return mistake switch
            {
                "moving variance off by a ten-thousandth" => state with { Weights = Changed(state.Weights, "batch_normalization_2/moving_variance", (w, _) => w * 1.0001f) },
                "one weight's moment dropped" => state with { AdamM = Changed(state.AdamM, "dense/bias", (m, n) => n == 0 ? 0 : m) },
                "second moment off by a thousandth" => state with { AdamV = Changed(state.AdamV, "conv2d_3/kernel", (v, _) => v * 1.001f) },
                "epsilon inside the root" => state with { Weights = Changed(state.Weights, "conv2d/kernel", EpsilonInside) },
                _ => state,
            };

            float EpsilonInside(float w, int n)
            {
                double m = state.AdamM.Of("conv2d/kernel").Values[n], v = state.AdamV.Of("conv2d/kernel").Values[n];
                double update = ReferenceAdam.Update(m, v, OracleStep.LearningRate, 3);
                return (float)(w + update - update * (Math.Sqrt(v) + ReferenceAdam.Epsilon) / Math.Sqrt(v + ReferenceAdam.Epsilon));
            }
        }

        public void UpdateStatistics(ReadOnlySpan<byte> images, double momentum) => throw new NotSupportedException();

        public void ReadWeights(Span<float> weights) => throw new NotSupportedException();

        public BatchResult Evaluate(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels) => throw new NotSupportedException();

        public void Predict(ReadOnlySpan<byte> images, Span<float> probabilities) => throw new NotSupportedException();

        public void ImportState(EngineState state) => network.Import(state);

        public void Dispose()
        {
        }

        private static List<WeightTensor> Changed(IReadOnlyList<WeightTensor> tensors, string name, Func<float, int, float> change) =>
            [.. tensors.Select(t => t.Name == name ? new WeightTensor(name, t.Shape, [.. t.ToArray().Select(change)]) : t)];
    }
}
