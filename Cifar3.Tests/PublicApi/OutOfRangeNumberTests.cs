using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Numbers that no work can be done with are refused where they are given, not taken for others.</summary>
public sealed class OutOfRangeNumberTests
{
    [TestCase(double.NaN, "NaN")]
    [TestCase(0, "0")]
    [TestCase(1, "1")]
    [TestCase(double.PositiveInfinity, "Infinity")]
    public void BeginAndSave_TestFractionThatIsNoShare_IsRefusedAndNothingWritten(double fraction, string received)
    {
        string folder = Path.Combine(TestFiles.NewFolder(), "run");
        var model = CnnModel.Create(["nut", "screw"], seed: 1, filters: [2, 2, 2]);
        var result = new TrainingResult(model, model, new History([]), null, "none");

        foreach (TestDelegate write in new TestDelegate[] { () => RunFolder.Begin(folder, testFraction: fraction), () => RunFolder.Save(folder, result, testFraction: fraction) })
        {
            Assert.That(write, Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains($"must be above 0 and below 1, or null where none was asked for. Received: testFraction={received}."));
        }

        Assert.That(Directory.Exists(folder), Is.False);
    }

    [TestCase(-1)]
    [TestCase(1025)]
    public void DataOptions_ThreadsThatCannotBe_AreRefused(int threads) =>
        Assert.That(() => new DataOptions { Threads = threads }, Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains($"must be 1 to 1,024, or 0 (one for each processor). Received: Threads={threads}."));

    [TestCase(double.NaN)]
    [TestCase(-0.1)]
    [TestCase(1)]
    public void DropoutMask_RateThatIsNone_IsRefused(double rate)
    {
        Assert.That(() => DropoutMask.Threshold(rate), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("at least 0 and below 1. Received: rate="));
        Assert.That(() => DropoutMask.Fill(0, 1, 0, rate, 0, new byte[8]), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [TestCase(-1)]
    [TestCase(3)]
    [TestCase(700_000)]
    public void Image_IndexThatIsNone_IsRefusedByName(int index)
    {
        var images = ColourImages.Create(3);

        Assert.That(Assert.Throws<ArgumentOutOfRangeException>(() => images.Image(index))!.ParamName, Is.EqualTo("index"));
        Assert.That(() => images.Select([0, index]), Throws.TypeOf<ArgumentOutOfRangeException>());
    }
}
