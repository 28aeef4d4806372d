using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>A number that no name of an enumeration has is the caller's mistake: it is not taken for whatever stands last in a switch.</summary>
public sealed class UndefinedValueTests
{
    private static readonly CnnModel Model = TestModels.Random(filters: [1, 1, 1]);

    private static readonly TestCaseData[] Uses =
    [
        Use("OnBadImage", () => _ = new DataOptions { OnBadImage = (OnBadImage)99 }),
        Use("Device", () => _ = new TensorFlowOptions { Device = (TensorFlowDevice)99 }),
        Use("format", () => KerasFile.Save(Path.Combine(TestFiles.NewFolder(), "m.keras"), Model, format: (KerasFormat)99)),
        Use("mode", () => _ = new EarlyStopping(mode: (MonitorMode)99)),
        Use("mode", () => _ = new ModelCheckpoint("m.onnx", mode: (MonitorMode)99)),
        Use("style", () => Model.Summary((SummaryStyle)99)),
        Use("Flavor", () => Model.ToOnnxBytes(new OnnxExportOptions { Flavor = (OnnxFlavor)99 })),
        Use("CalibrationMethod", () => Model.ToOnnxBytes(new OnnxExportOptions { CalibrationMethod = (CalibrationMethod)99 })),
        Use("Backend", () => Cifar3Classifier.FromModel(Model, new ClassifierOptions { Backend = (ScoringBackend)99 })),
        Use("metric", () => _ = new Cifar3CnnTrainer.EarlyStoppingCriterion(metric: (Cifar3CnnTrainer.EarlyStoppingMetric)99)),
        Use("kind", () => TrainingEngines.Create((TrainingEngine)99, Model, new EngineOptions())),
    ];

    [TestCaseSource(nameof(Uses))]
    public void Use_OfANumberWithoutName_IsRefused(string parameter, TestDelegate use) =>
        Assert.That(Assert.Throws<ArgumentOutOfRangeException>(use)!.ParamName, Is.EqualTo(parameter));

    private static TestCaseData Use(string parameter, TestDelegate use) => new(parameter, use);
}
