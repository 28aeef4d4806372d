using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class AugmentationTests
{
    private const int Size = CnnArchitecture.InputSize;

    [Test]
    public void RandomFlip_HalfTheImages_MirrorsColumnsOnly()
    {
        byte[] before = EngineTestData.RandomImages(1, 1);
        var results = Enumerable.Range(0, 200).Select(image => Applied(new RandomFlip(), before, image)).ToList();

        byte[] mirrored = Shown((row, column) => (row, Size - 1 - column), before);
        int flips = results.Count(result => result.SequenceEqual(mirrored));
        Assert.That(flips, Is.InRange(70, 130));
        Assert.That(results.Count(result => result.SequenceEqual(before)), Is.EqualTo(200 - flips));
    }

    [Test]
    public void RandomTranslation_AnyMove_IsAMoveOfTheMirroredImage()
    {
        byte[] before = EngineTestData.RandomImages(1, 2);
        var moves = (from down in Enumerable.Range(-4, 9) from right in Enumerable.Range(-4, 9) select Shown((row, column) => (Mirrored(row - down), Mirrored(column - right)), before)).ToList();

        var found = Enumerable.Range(0, 400).Select(image => Applied(new RandomTranslation(4), before, image)).Select(moved => moves.FindIndex(move => move.SequenceEqual(moved))).ToList();

        Assert.That(found, Has.None.EqualTo(-1));
        Assert.That(found.Distinct().Count(), Is.GreaterThan(70), "nearly all of the 81 moves come");

        static int Mirrored(int i) => i < 0 ? -i - 1 : i >= Size ? 2 * Size - 1 - i : i;
    }

    [Test]
    public void Cutout_AnyPlace_CoversASquareThatMayHangOver()
    {
        byte[] halves = [.. Enumerable.Range(0, CnnArchitecture.ImageBytes).Select(i => (byte)(i / 3 % 2 == 0 ? 255 : 51))]; // mean: 153

        int[] covered = [.. Enumerable.Range(0, 300).Select(image => Applied(new Cutout(12), halves, image).Count(value => value == 153) / 3)];

        Assert.That(covered.Max(), Is.EqualTo(144));
        Assert.That(covered.Min(), Is.InRange(36, 90));
        Assert.That(covered.Average(), Is.InRange(100, 130));
    }

    /// <summary>A grey square on white paper drowned pale lines: the recipes that cover so learned nothing from line drawings.</summary>
    [Test]
    public void Cutout_PaleLineOnWhite_AddsNoEdges()
    {
        byte[] drawing = [.. Enumerable.Range(0, CnnArchitecture.ImageBytes).Select(i => (byte)(i / 96 == 9 ? 235 : i % 3 == 2 ? 250 : 255))];

        byte[] covered = Applied(new Cutout(12), drawing, 3);

        Assert.That(covered, Is.Not.EqualTo(drawing));
        Assert.That(covered.Where((value, i) => value != drawing[i] && i / 96 != 9).Distinct(), Is.SubsetOf(new byte[] { 250, 254 }), "the mean of each colour");
    }

    [Test]
    public void RotationAndJitter_OfNothing_ChangeNothing()
    {
        byte[] before = EngineTestData.RandomImages(1, 3);

        Assert.That(Applied(new RandomRotation(0), before, 5), Is.EqualTo(before));
        Assert.That(Applied(new ColorJitter(0, 0, 0), before, 5), Is.EqualTo(before).Within(1));
        Assert.That(Applied(new RandomRotation(30), before, 5), Is.Not.EqualTo(before));
        Assert.That(Applied(new ColorJitter(.4, .4, .4), before, 5), Is.Not.EqualTo(before));
    }

    [Test]
    public void RandomRotation_FlatImage_StaysFlat()
    {
        byte[] grey = [.. Enumerable.Repeat((byte)93, CnnArchitecture.ImageBytes)];

        Assert.That(Enumerable.Range(0, 20).Select(image => Applied(new RandomRotation(180), grey, image)), Is.All.EqualTo(grey));
    }

    [Test]
    public void Settings_OutOfRange_AreRefused()
    {
        Assert.That(() => new RandomTranslation(17), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("pixels=17"));
        Assert.That(() => new Cutout(0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ColorJitter(brightness: 2), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Mixup(alpha: 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CutMix(probability: double.NaN), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void BatchSource_AnyBatchSize_ShowsEveryImageTheSameWay()
    {
        var images = ColourImages.Create(60);
        TrainerOptions options = new() { Augmentations = [new RandomFlip(), new RandomTranslation(), new Mixup(1), new Cutout(8)], LabelSmoothing = .1f, ClassWeights = ClassWeights.Balanced };

        var (small, large) = (Epoch(7), Epoch(60));
        Assert.That(small.Select(Convert.ToHexString), Is.EqualTo(large.Select(Convert.ToHexString)));

        List<byte[]> Epoch(int batch) => [.. new BatchSource(images, TrainingPlan.Create(options with { BatchSize = batch }, 60), seed: 3, ClassWeights.Balanced).Epoch(2, default)
            .SelectMany(b => b.Images.ToArray().Chunk(CnnArchitecture.ImageBytes).Zip(b.Targets.ToArray().Chunk(3), (pixels, target) => (byte[])[.. pixels, .. target.SelectMany(BitConverter.GetBytes)]))];
    }

    [Test]
    public void BatchSource_Targets_AreSmoothedMixedAndWeighted()
    {
        var images = new ImageSet(EngineTestData.RandomImages(40, 1), [.. Enumerable.Range(0, 40).Select(i => i < 30 ? 0 : 1)], ["many", "few"]);

        float[][] plain = Targets(new() { LabelSmoothing = .2f });
        float[][] weighted = Targets(new() { LabelSmoothing = 0, ClassWeights = ClassWeights.Balanced });
        float[][] mixed = Targets(new() { Augmentations = [new CutMix(1, 1)], LabelSmoothing = 0 });

        Assert.That(plain.Select(t => t.Max()), Is.All.EqualTo(.9f).Within(1e-6));
        Assert.That(weighted.Select(t => t.Sum()).Distinct().Order(), Is.EqualTo(new[] { 40 / 60f, 2 }).Within(1e-6));
        Assert.That(weighted.Sum(t => t[0]), Is.EqualTo(weighted.Sum(t => t[1])).Within(1e-4));
        Assert.That(mixed.Select(t => t.Sum()), Is.All.EqualTo(1).Within(1e-5));
        Assert.That(mixed.Count(t => t.Min() > 0), Is.InRange(5, 39), "images of the two classes meet");

        float[][] Targets(TrainerOptions options) => [.. new BatchSource(images, TrainingPlan.Create(new TrainerOptions { Recipe = Recipe.Keras, BatchSize = 40, Augmentations = options.Augmentations, LabelSmoothing = options.LabelSmoothing }, 40), 1, options.ClassWeights)
            .Epoch(1, default).Single().Targets.ToArray().Chunk(2)];
    }

    [Test]
    public void BatchSource_AugmentationThatThrows_EndsTheEpochWithItsError()
    {
        var options = new TrainerOptions { Augmentations = [new Failing()], BatchSize = 4 };

        Assert.That(
            () => new BatchSource(ColourImages.Create(20), TrainingPlan.Create(options, 20), 1, null).Epoch(1, default).Count(),
            Throws.TypeOf<InvalidOperationException>().With.Message.EqualTo("mine"));
    }

    private static byte[] Applied(Augmentation augmentation, byte[] before, int image)
    {
        byte[] after = [.. before];
        augmentation.Apply(after, new AugmentationRandom(seed: 1, epoch: 1, image, place: 0));
        byte[] again = [.. before];
        augmentation.Apply(again, new AugmentationRandom(seed: 1, epoch: 1, image, place: 0));
        Assert.That(again, Is.EqualTo(after), "the same draws, the same bits");
        return after;
    }

    private static byte[] Shown(Func<int, int, (int Row, int Column)> from, byte[] image) =>
        [.. from row in Enumerable.Range(0, Size)
            from column in Enumerable.Range(0, Size)
            let source = @from(row, column)
            from channel in Enumerable.Range(0, 3)
            select image[3 * (source.Row * Size + source.Column) + channel]];

    private sealed class Failing : Augmentation
    {
        public override void Apply(Span<byte> image, AugmentationRandom random) => throw new InvalidOperationException("mine");
    }
}
