namespace Cifar3.Tests;

public sealed class SummaryStyleTests
{
    [TestCase(SummaryStyle.Keras3, "keras3/summary.txt")]
    [TestCase(SummaryStyle.Keras2, "keras2/summary.txt")]
    [TestCase(SummaryStyle.Keras231, "keras2.3.1/summary.txt")]
    public void Summary_EveryStyle_IsWhatThatKerasPrints(SummaryStyle style, string golden)
    {
        string expected = File.ReadAllText(TestFiles.Golden(golden)).ReplaceLineEndings("\n").TrimEnd('\n');

        Assert.That(CnnModel.Create(["airplane", "automobile", "bird"]).Summary(style).TrimEnd('\n'), Is.EqualTo(expected));
    }

    [TestCase(SummaryStyle.Keras3, "│ conv2d_1 (Conv2D)          │ (None, 30, 30, 32)  │      9,248 │")]
    [TestCase(SummaryStyle.Keras2, " conv2d_1 (Conv2D)           (None, 30, 30, 32)        9248      ")]
    [TestCase(SummaryStyle.Keras231, "conv2d_2 (Conv2D)            (None, 30, 30, 32)        9248      ")]
    [TestCase(SummaryStyle.Keras2, " Normalization)                                                  ")]
    [TestCase(SummaryStyle.Keras231, "batch_normalization_1 (Batch (None, 32, 32, 32)        128       ")]
    public void Summary_EveryStyle_HasThisLine(SummaryStyle style, string line) =>
        Assert.That(CnnModel.Create(["a", "b", "c"]).Summary(style).Split('\n'), Has.Member(line));

    /// <summary>As Keras 3.15 prints it.</summary>
    [Test]
    public void Summary_ShapeTooLongForItsColumn_GoesOnInTheNextLine() => Assert.That(CnnModel.Create(["a", "b"], filters: [1024, 8, 8]).Summary(), Does.Contain("""
        │ conv2d (Conv2D)            │ (None, 32, 32,      │     28,672 │
        │                            │ 1024)               │            │
        ├────────────────────────────┼─────────────────────┼────────────┤
        │ batch_normalization        │ (None, 32, 32,      │      4,096 │
        │ (BatchNormalization)       │ 1024)               │            │
        ├────────────────────────────┼─────────────────────┼────────────┤
        """.ReplaceLineEndings("\n")));

    [Test]
    public void Summary_UnknownStyle_Throws() =>
        Assert.That(() => CnnModel.Create(["a", "b"]).Summary((SummaryStyle)9), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Keras231"));
}
