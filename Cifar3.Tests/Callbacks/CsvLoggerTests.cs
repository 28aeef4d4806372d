using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class CsvLoggerTests
{
    [Test]
    public void OnEpochEnd_TwoEpochs_WritesHeaderAndOneLineEach()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "log.csv");

        ScriptedTraining.Context().Run([.5, .75], new CsvLogger(file));

        Assert.That(File.ReadAllLines(file), Is.EqualTo(new[]
        {
            "epoch,accuracy,loss,val_accuracy,val_loss,learning_rate",
            "1,0.5,0.5,0.5,0.5,0.001",
            "2,0.75,0.25,0.75,0.25,0.001",
        }));
    }

    [TestCase("")]
    [TestCase("/")]
    [TestCase("logs/")]
    public void Constructor_NoFilesName_SaysThatItNeedsOne(string name) =>
        Assert.That(() => new CsvLogger(name), Throws.TypeOf<ArgumentException>().With.Message.StartsWith($"CsvLogger needs the name of a file. Received: '{name}'."));

    [Test]
    public void OnEpochEnd_WithoutValidation_LeavesItsColumnsOut()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "log.csv");

        ScriptedTraining.Context(validation: false).Run([.5], new CsvLogger(file, ';'));

        Assert.That(File.ReadAllLines(file)[0], Is.EqualTo("epoch;accuracy;loss;learning_rate"));
    }
}
