using Cifar3.Training;
using SkiaSharp;

namespace Cifar3.Tests;

public sealed class PlotTests
{
    private static readonly ImageSet Images = ColourImages.Create(10);

    [Test]
    public void Typeface_Embedded_HasTheCharactersOfTheCaptions()
    {
        Assert.That("aZ09 %→✓✗é".Select(c => PlotFont.Typeface.GetGlyph(c)), Is.All.GreaterThan(0));
    }

    [Test]
    public void ExampleGrid_TenImages_ShowsThemAndTheirCaptions()
    {
        using var picture = Read(file => ExampleGrid.Save(file, Images, "10 examples"));

        var first = Images.Image(0);
        Assert.That(picture.GetPixel(24, 72), Is.EqualTo(new SKColor(first[0], first[1], first[2])));
        Assert.That(Ink(picture, 0, 0, picture.Width, 70), Is.GreaterThan(100), "title");
        for (int i = 0; i < 10; i++)
        {
            Assert.That(Ink(picture, 24 + i % 5 * 216, 72 + 192 + 4 + i / 5 * 252, 192, 30), Is.GreaterThan(50), $"caption {i}");
        }
    }

    [Test]
    public void ExampleGrid_Predictions_AreGreenWhereRightAndRedWhereWrong()
    {
        int[] wrong = [2, 7];
        var predictions = Enumerable.Range(0, 10).Select(i => Predict(wrong.Contains(i) ? (Images.Labels[i] + 1) % 3 : Images.Labels[i])).ToList();

        using var picture = Read(file => ExampleGrid.Save(file, Images, predictions, "predictions"));

        for (int i = 0; i < 10; i++)
        {
            var frame = picture.GetPixel(24 + i % 5 * 216 + 96, 72 + i / 5 * 252 - 2);
            Assert.That(frame, Is.EqualTo(wrong.Contains(i) ? Picture.Wrong : Picture.Right), $"image {i}");
        }

        static Prediction Predict(int label) => new([.. ColourImages.ClassNames], [.. Enumerable.Range(0, 3).Select(c => c == label ? 0.9f : 0.05f)]);
    }

    /// <summary>SkiaSharp's build for Linux finds no font by a character: names were boxes beside a font that has them.</summary>
    [TestCase("แมว → หมา")]
    [TestCase("बिल्ली")]
    public void PlotFont_TextOfAnotherScript_IsDrawnWhereTheMachineHasAFontOfIt(string text)
    {
        Assume.That(SKFontManager.Default.FontFamilies.Any(family => Has(SKFontManager.Default.MatchFamily(family))), "no such font here");

        using var font = PlotFont.For(text, 18);

        Assert.That(Has(font.Typeface), Is.True, font.Typeface.FamilyName);

        bool Has(SKTypeface typeface) => text.EnumerateRunes().All(rune => typeface.GetGlyph(rune.Value) != 0);
    }

    /// <summary>The shipped model and folders with Keras' names, which Evaluate matches: every right answer was red.</summary>
    [Test]
    public void ExampleGrid_ModelWithOtherNamesOfTheClasses_IsRightAsEvaluateSays()
    {
        var images = new ImageSet(Images.Pixels.ToArray(), Images.Labels.ToArray(), ["airplane", "automobile", "bird"]);
        var predictions = images.Labels.ToArray().Select(label => new Prediction(["bird", "car", "aeroplane"], [.. Enumerable.Range(0, 3).Select(c => c == 2 - label ? 0.9f : 0.05f)])).ToList();

        using var picture = Read(file => ExampleGrid.Save(file, images, predictions, "predictions"));

        Assert.That(ClassificationReport.Create(images, predictions).Accuracy, Is.EqualTo(1));
        Assert.That(Enumerable.Range(0, 10).Select(i => picture.GetPixel(24 + i % 5 * 216 + 96, 72 + i / 5 * 252 - 2)), Is.All.EqualTo(Picture.Right));
    }

    [Test]
    public void Choose_Seed_GivesDifferentImagesAgain()
    {
        var many = ColourImages.Create(300);

        var chosen = ExampleGrid.Choose(many, 10, seed: 3);

        Assert.That(chosen.Count, Is.EqualTo(10));
        Assert.That(chosen.Pixels.ToArray(), Is.EqualTo(ExampleGrid.Choose(many, 10, seed: 3).Pixels.ToArray()));
        Assert.That(chosen.Pixels.ToArray(), Is.Not.EqualTo(ExampleGrid.Choose(many, 10, seed: 4).Pixels.ToArray()));
        Assert.That(ExampleGrid.Choose(many.Take(3), 10).Count, Is.EqualTo(3));
    }

    [Test]
    public void TrainingCurves_WithAndWithoutValidation_DrawTheirLines()
    {
        var history = new History([.. Enumerable.Range(1, 10).Select(e => new EpochLog(e, 1.0 / e, 1 - 0.5 / e, 1.2 / e, 1 - 0.7 / e, 1e-3, 1))]);
        var alone = new History([.. history.Epochs.Select(e => e with { ValLoss = null, ValAccuracy = null })]);

        using var both = Read(file => TrainingCurves.Save(file, history, "keras recipe"));
        using var one = Read(file => TrainingCurves.Save(file, alone));

        Assert.That((both.Width, both.Height), Is.EqualTo((1200, 480)));
        Assert.That(Near(both, new SKColor(0xd1, 0x57, 0x0b)), Is.GreaterThan(500), "validation lines");
        Assert.That(Near(one, new SKColor(0xd1, 0x57, 0x0b)), Is.Zero);
        Assert.That(Near(one, new SKColor(0x09, 0x69, 0xda)), Is.GreaterThan(500), "training lines");
        Assert.That(Ink(both, 0, 0, 1200, 40), Is.GreaterThan(300), "titles, in the embedded font");
    }

    [Test]
    public void TrainingCurves_OfResultAndOfSavedModel_AreThoseOfTheHistory()
    {
        EpochLog[] epochs = [.. Enumerable.Range(1, 6).Select(e => new EpochLog(e, 1.0 / e, 1 - 0.5 / e, 1.2 / e, 1 - 0.7 / e, 1e-3, 1))];
        var history = new History([.. epochs]);
        var model = CnnModel.Create(["a", "b"], filters: [4, 4, 8]);
        var best = model.With(model.Metadata with { Epoch = 4, History = [.. epochs[..4]] });
        var result = new TrainingResult(model, best, history, null, "Managed");
        using var stream = new MemoryStream();

        TrainingCurves.Save(stream, history, "any", chosenEpoch: 4);

        Assert.That(stream.ToArray(), Is.EqualTo(TrainingCurves.ToPng(result, "any")), "the best model's epoch is the chosen one");
        Assert.That(TrainingCurves.ToPng(best), Is.EqualTo(TrainingCurves.ToPng(new History([.. epochs[..4]]))));
        Assert.That(() => TrainingCurves.ToPng(model), Throws.ArgumentException);
        using var marked = Read(file => TrainingCurves.Save(file, result));
        using var unmarked = Read(file => TrainingCurves.Save(file, history));
        Assert.That(Near(marked, new SKColor(0x1a, 0x7f, 0x37)), Is.GreaterThan(200));
        Assert.That(Near(unmarked, new SKColor(0x1a, 0x7f, 0x37)), Is.Zero);
    }

    /// <summary>The legend stands above the plot: within the plot's frame the curves' colours are the curves' alone.</summary>
    [Test]
    public void TrainingCurves_Legend_IsOutsideThePlot()
    {
        var high = new History([.. Enumerable.Range(1, 8).Select(e => new EpochLog(e, 1, 0.995, 1, 0.99, 1e-3, 1))]); // where a legend at the top would be

        using var picture = Read(file => TrainingCurves.Save(file, high));

        int top = Enumerable.Range(48, 300).First(y => picture.GetPixel(300, y).Red < 0x60 && picture.GetPixel(500, y).Red < 0x60 && picture.GetPixel(120, y).Red < 0x60); // the frame's line
        Assert.That(top, Is.GreaterThan(60));
        Assert.That(Ink(picture, 60, 48, 500, top - 50), Is.GreaterThan(100), "the legend's words above it");
    }

    [Test]
    public void TrainingCurves_OneEpoch_IsDrawn()
    {
        using var picture = Read(file => TrainingCurves.Save(file, new History([new EpochLog(1, 1, .5, 1, .5, 1e-3, 1)])));

        Assert.That(Near(picture, new SKColor(0xd1, 0x57, 0x0b)), Is.GreaterThan(20));
    }

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    [TestCase(1e30)]
    public void TrainingCurves_DivergedLoss_ShowTheFiniteEpochs(double loss)
    {
        var history = new History([.. Enumerable.Range(1, 300).Select(e => new EpochLog(e, e < 290 ? 1 : loss, .5, 1, .6, 1e-3, 1))]);

        using var picture = Read(file => TrainingCurves.Save(file, history));

        Assert.That(Near(picture, new SKColor(0x09, 0x69, 0xda)), Is.GreaterThan(500));
    }

    [TestCase(2)]
    [TestCase(3)]
    [TestCase(10)]
    [TestCase(100)]
    public void ConfusionMatrix_AnyNumberOfClasses_IsDarkOnTheDiagonal(int classes)
    {
        var counts = new int[classes, classes];
        for (int i = 0; i < classes; i++)
        {
            counts[i, i] = 1000;
            counts[i, (i + 1) % classes] += 10;
        }

        using var picture = Read(file => File.WriteAllBytes(file, ConfusionMatrixPlot.ToPng(counts, [.. Enumerable.Range(0, classes).Select(i => $"class {i}")], "confusion")));

        int dark = Near(picture, new SKColor(0x0c, 0x43, 0x87));
        int cell = classes switch { <= 4 => 150, <= 10 => 90, _ => 18 };
        Assert.That(dark, Is.InRange(0.6 * classes * cell * cell, classes * cell * cell));
    }

    /// <summary>The picture grew with its names: 18,626 pixels a side, 1.4 GB and most of a minute for one of 1,000 letters.</summary>
    [Test]
    public void ConfusionMatrix_LongestNames_AreWrittenSmaller()
    {
        string[] names = ["nut", new('W', ModelMetadata.MaxNameLength), new('鳥', ModelMetadata.MaxNameLength)];

        using var picture = Read(file => File.WriteAllBytes(file, ConfusionMatrixPlot.ToPng(new int[3, 3], names, "confusion")));

        Assert.That((picture.Width, picture.Height), Is.EqualTo((1154, 1226)));
    }

    [Test]
    public void ConfusionMatrix_Report_HasTrueClassesAsRows()
    {
        var images = new ImageSet(new byte[4 * 3072], [0, 0, 0, 1], ["a", "b"]);
        var allFirst = Enumerable.Repeat(new Prediction(["a", "b"], [.9f, .1f]), 4).ToList();

        using var picture = Read(file => ConfusionMatrixPlot.Save(file, ClassificationReport.Create(images, allFirst), "all a"));

        int left = picture.Width / 2 - 200; // the first column is blue in both rows, the second white
        int Blue(int x0, int x1) => picture.Pixels.Where((c, i) => i % picture.Width >= x0 && i % picture.Width < x1 && c.Blue == 0x86 && c.Red == 0x0a).Count();
        Assert.That(Blue(0, picture.Width), Is.InRange(0.8 * 2 * 150 * 150, 2 * 150 * 150));
        Assert.That(Blue(left + 250, picture.Width), Is.Zero);
    }

    [Test]
    public void Save_BadArguments_SayWhatIsExpected()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => ExampleGrid.Save("x.png", Images.Take(0), ""), Throws.ArgumentException.With.Message.Contains("Received: 0"));
            Assert.That(() => ExampleGrid.Save("x.png", Images, [], ""), Throws.ArgumentException.With.Message.Contains("10 images, 0 predictions"));
            Assert.That(() => TrainingCurves.Save("x.png", new History([])), Throws.ArgumentException.With.Message.Contains("no epoch"));
        });
    }

    [Test]
    public void Save_FolderIsAFile_SaysCannotWrite()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "file");
        File.WriteAllText(file, "");

        Assert.That(() => ExampleGrid.Save(Path.Combine(file, "x.png"), Images, ""), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Cannot write"));
    }

    /// <summary>Draws into a file and reads it; CIFAR3_KEEP_PICTURES names a folder to keep copies in, to look at.</summary>
    private static SKBitmap Read(Action<string> draw)
    {
        string folder = Environment.GetEnvironmentVariable("CIFAR3_KEEP_PICTURES") ?? TestFiles.NewFolder();
        string file = Path.Combine(folder, $"{TestContext.CurrentContext.Test.Name.Replace('"', '_')}-{Guid.NewGuid().ToString("N")[..4]}.png");
        draw(file);
        return SKBitmap.Decode(file);
    }

    /// <summary>Number of pixels that are not nearly white.</summary>
    private static int Ink(SKBitmap picture, int x, int y, int width, int height)
    {
        var pixels = picture.Pixels;
        return Enumerable.Range(y, height).Sum(row => pixels.AsSpan(row * picture.Width + x, width).ToArray().Count(c => c.Red + c.Green + c.Blue < 600));
    }

    /// <summary>Number of pixels of about this colour.</summary>
    private static int Near(SKBitmap picture, SKColor colour) =>
        picture.Pixels.Count(c => Math.Abs(c.Red - colour.Red) + Math.Abs(c.Green - colour.Green) + Math.Abs(c.Blue - colour.Blue) < 12);
}
