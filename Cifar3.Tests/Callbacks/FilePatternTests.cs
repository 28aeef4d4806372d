using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class FilePatternTests
{
    private static readonly EpochLog Log = new(7, 0.00012345, 0.91236, 0.4, 0.8796, 1e-3, 12);

    /// <summary>Expected names are Python's <c>str.format</c>.</summary>
    [TestCase("model_{val_accuracy:.3f}.onnx", "model_0.880.onnx")]
    [TestCase("{epoch:02d}-{val_loss:.2f}.onnx", "07-0.40.onnx")]
    [TestCase("{epoch}", "7")]
    [TestCase("{epoch:d}", "7")]
    [TestCase("{epoch:04d}", "0007")]
    [TestCase("{loss:.2e}", "1.23e-04")]
    [TestCase("{accuracy:.0f}{{x}}", "1{x}")]
    [TestCase("{val_loss}", "0.4")]
    [TestCase("plain.onnx", "plain.onnx")]
    public void Format_Placeholders_AsPython(string pattern, string expected) =>
        Assert.That(new FilePattern("Test", pattern).Format(Log), Is.EqualTo(expected));

    [TestCase("model_{val_acc:.3f}.onnx", "'{val_acc:.3f}' in the file name 'model_{val_acc:.3f}.onnx' (did you mean 'val_accuracy'?)")]
    [TestCase("model_{epoch:.3f}.onnx", "'{epoch:.3f}'")]
    [TestCase("model_{loss:03d}.onnx", "'{loss:03d}'")]
    [TestCase("model_{loss", "'{loss'")]
    [TestCase("model_}", "'}'")]
    public void Constructor_BadPlaceholder_ShowsItAndTheKnownNames(string pattern, string shown) =>
        Assert.That(() => new FilePattern("Test", pattern), Throws.ArgumentException.With.Message.Contains(shown).And.Message.Contains("accuracy, loss, val_accuracy, val_loss"));

    [Test]
    public void CheckAvailable_ValMetricWithoutValidation_IsRefusedBeforeTraining() =>
        Assert.That(
            () => new FilePattern("Test", "{val_loss:.2f}").CheckAvailable(ScriptedTraining.Context(validation: false)),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains("'val_loss'").And.Message.Contains("Give Fit validation images"));
}
