using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>ExportState and ImportState: exact, complete, and only for the same network.</summary>
public sealed partial class EngineContract
{
    [Test]
    public void ExportState_NewEngine_IsTheModelWithZeroMoments()
    {
        var model = EngineTestData.Model([5, 7, 9], 3, .5);
        using var e = Create(model);

        EngineComparison.AssertSameBits(e.ExportState(), EngineState.Initial(model), "new engine");
    }

    [TestCase(new[] { 5, 7, 9 })]
    [TestCase(new[] { 32, 64, 128 })]
    public void ImportState_Exported_IsBitExact(int[] filters)
    {
        var model = EngineTestData.Model(filters, 3, .5);
        var state = EngineTestData.RandomState(model, seed: 1);
        using var e = Create(model, state);

        EngineComparison.AssertSameBits(e.ExportState(), state, "imported and exported");
    }

    [Test]
    public void ImportState_InMidTraining_ContinuesAsTheExportingEngine()
    {
        var model = EngineTestData.Model(Small, 3, .5);
        using var first = Create(model, seed: 3);
        Train(first, from: 1, to: 3);
        var saved = first.ExportState();
        byte[] images = EngineTestData.RandomImages(4, 99);

        using var second = Create(CnnModel.Create(model.ClassNames, seed: 50, filters: Small), seed: 3); // other initial weights: all must be replaced
        Train(second, from: 1, to: 1);
        second.ImportState(saved);

        double expected = first.TrainStep(images, [0, 1, 2, 0], LearningRate, 4).LossSum, loss = second.TrainStep(images, [0, 1, 2, 0], LearningRate, 4).LossSum;
        Assert.That(loss, Is.EqualTo(expected).Within(first.IsDeterministic ? 0 : 1e-6 * expected));
        if (first.IsDeterministic)
        {
            EngineComparison.AssertSameBits(second.ExportState(), first.ExportState(), "one step after the import");
        }
    }

    [Test]
    public void ExportState_LaterSteps_DoNotChangeWhatWasExported()
    {
        var model = EngineTestData.Model([5, 7, 9], 3, .5);
        using var e = Create(model);
        Train(e, from: 1, to: 1);
        var state = e.ExportState();
        float[] weights = state.Weights[0].ToArray(), m = state.AdamM[0].ToArray(), v = state.AdamV[0].ToArray();

        Train(e, from: 2, to: 3);

        Assert.That(state.Step, Is.EqualTo(1));
        Assert.That(state.Weights[0].ToArray(), Is.EqualTo(weights));
        Assert.That(state.AdamM[0].ToArray(), Is.EqualTo(m));
        Assert.That(state.AdamV[0].ToArray(), Is.EqualTo(v));
        Assert.That(e.ExportState().Weights[0].ToArray(), Is.Not.EqualTo(weights));
    }

    [TestCase("other filters")]
    [TestCase("other number of classes")]
    [TestCase("a weight is missing")]
    [TestCase("a weight is given twice")]
    [TestCase("a weight more")]
    [TestCase("a first moment is missing")]
    [TestCase("a second moment has another shape")]
    [TestCase("a moment has another name")]
    [TestCase("negative step")]
    public void ImportState_OfAnotherNetwork_IsRefusedAndNothingChanges(string what)
    {
        using var e = CreateTrained(maxBatch: 8, out var state);
        var wrong = what switch
        {
            "other filters" => EngineState.Initial(EngineTestData.Model([8, 16, 25], 3, .5)),
            "other number of classes" => EngineState.Initial(EngineTestData.Model(Small, 4, .5)),
            "a weight is missing" => state with { Weights = [.. state.Weights.Skip(1)] },
            "a weight is given twice" => state with { Weights = [.. state.Weights, state.Weights[0]] },
            "a weight more" => state with { Weights = [.. state.Weights, new WeightTensor("dense_1/bias", [3], new float[3])] },
            "a first moment is missing" => state with { AdamM = [.. state.AdamM.SkipLast(1)] },
            "a second moment has another shape" => state with { AdamV = [.. state.AdamV.SkipLast(1), new WeightTensor("dense/bias", [4], new float[4])] },
            "a moment has another name" => state with { AdamM = [.. state.AdamM.SkipLast(1), new WeightTensor("dense/bia", [3], new float[3])] },
            _ => state with { Step = -1 },
        };

        Assert.That(() => e.ImportState(wrong), Throws.TypeOf<Cifar3ModelException>());
        EngineComparison.AssertSameBits(e.ExportState(), state, $"after a refused import ({what})");
    }

    [TestCase("no weights")]
    [TestCase("a weight")]
    [TestCase("no first moments")]
    [TestCase("a second moment")]
    public void ImportState_Null_IsRefusedAndNothingChanges(string what)
    {
        using var e = CreateTrained(maxBatch: 8, out var state);
        var wrong = what switch
        {
            "no weights" => state with { Weights = null! },
            "a weight" => state with { Weights = [.. state.Weights.SkipLast(1), null!] },
            "no first moments" => state with { AdamM = null! },
            _ => state with { AdamV = [null!, .. state.AdamV.Skip(1)] },
        };

        Assert.That(() => e.ImportState(wrong), Throws.TypeOf<ArgumentException>().With.Message.Contains("null").And.Message.Contains(what.Contains("weight", StringComparison.Ordinal) ? "weights" : what.Contains("first", StringComparison.Ordinal) ? "first moments" : "second moments"));
        EngineComparison.AssertSameBits(e.ExportState(), state, $"after a refused import ({what})");
    }

    private static void Train(ITrainingEngine e, int from, int to, int batch = 8)
    {
        for (int step = from; step <= to; step++)
            e.TrainStep(EngineTestData.RandomImages(batch, step), EngineTestData.RandomLabels(batch, 3, step), LearningRate, step);
    }
}
