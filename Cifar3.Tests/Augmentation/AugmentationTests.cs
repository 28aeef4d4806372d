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
        Assert.That(found.Distinct().Count(), Is.GreaterThan(75), "nearly all of the 81 moves come; without those of one column 72 would be left");

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
        Assert.That(Enumerable.Range(0, 400).Count(image => !Applied(new Cutout(12, .5), halves, image).SequenceEqual(halves)), Is.InRange(170, 230), "half of the images");
    }

    /// <summary>A square whose middle may be anywhere covers each corner as often.</summary>
    [Test]
    public void CutoutAndCutMix_Corners_AreCoveredAlike()
    {
        byte[] halves = [.. Enumerable.Range(0, CnnArchitecture.ImageBytes).Select(i => (byte)(i / 3 % 2 == 0 ? 255 : 51))], black = new byte[CnnArchitecture.ImageBytes];
        int[] cut = new int[4], mixed = new int[4];
        for (int image = 0; image < 1000; image++)
        {
            byte[] covered = Applied(new Cutout(12), halves, image), pasted = [.. black];
            new CutMix().Mix(pasted, halves, share: .75f, Random(image));
            foreach (var (i, (row, column)) in new[] { (0, 0), (0, Size - 1), (Size - 1, 0), (Size - 1, Size - 1) }.Index())
            {
                int at = 3 * (row * Size + column);
                cut[i] += covered[at] == 153 ? 1 : 0;
                mixed[i] += pasted[at] > 0 ? 1 : 0;
            }
        }

        Assert.That(cut, Is.All.InRange(25, 70), "1000 · (7/32)² or (6/32)² of them");
        Assert.That(mixed, Is.All.InRange(40, 110), "1000 · (9/32)² or (8/32)² of them");
    }

    [Test]
    public void CutMix_AnyShare_PastesASquareAndTellsWhatIsLeft()
    {
        byte[] white = [.. Enumerable.Repeat((byte)255, CnnArchitecture.ImageBytes)];
        List<int> pasted = [];
        for (int image = 0; image < 200; image++)
        {
            byte[] mixed = new byte[CnnArchitecture.ImageBytes];
            float share = new CutMix().Mix(mixed, white, share: .75f, Random(image));
            pasted.Add(mixed.Count(value => value == 255) / 3);
            Assert.That(share, Is.EqualTo(1 - pasted[^1] / 1024f).Within(1e-6), "what hangs over the border is not taken");
        }

        Assert.That(pasted.Max(), Is.EqualTo(256), "a quarter of the area");
        Assert.That(pasted.Min(), Is.GreaterThanOrEqualTo(64));
    }

    /// <summary>The label stays that of what an image has most of: 23 rows and columns, to which half of the area rounds, are more than half.</summary>
    [Test]
    public void CutMix_AnyShareOfAHalfOrMore_LeavesAtLeastHalf([Values(.5f, .503f, .51f, .7f)] float share) =>
        Assert.That(Enumerable.Range(0, 300).Select(image => new CutMix().Mix(new byte[CnnArchitecture.ImageBytes], new byte[CnnArchitecture.ImageBytes], share, Random(image))), Is.All.InRange(.5f, 1));

    [Test]
    public void Mixup_AnyShare_WeighsPixelsAsTheTarget()
    {
        byte[] first = EngineTestData.RandomImages(1, 4), second = EngineTestData.RandomImages(1, 5), mixed = [.. first];

        float share = new Mixup().Mix(mixed, second, share: .75f, Random(0));

        Assert.That(share, Is.EqualTo(.75f));
        Assert.That(mixed.Select(value => (double)value), Is.EqualTo(first.Zip(second, (a, b) => .75 * a + .25 * b)).Within(.5));
    }

    /// <summary>The mean of the larger part of Beta(α, α): 1/2 + 2·α^(2α) / (B(α, α)·(2α)^(2α+1)).</summary>
    [TestCase(1, .75)]
    [TestCase(.2, .8988)]
    [TestCase(2, .6875)]
    public void Share_OfAnyAlpha_IsTheLargerPartOfABetaDraw(double alpha, double mean)
    {
        float[] always = Shares(new Mixup(alpha, 1)), half = Shares(new CutMix(alpha, .5));

        Assert.That(always, Is.All.InRange(.5f, 1));
        Assert.That(always.Average(), Is.EqualTo(mean).Within(.015));
        Assert.That(half.Count(share => share == 1), Is.InRange(900, 1150), "about half of 2000 images are left alone");

        static float[] Shares(MixingAugmentation mixing) => [.. Enumerable.Range(0, 2000).Select(image => mixing.Share(Random(image)))];
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

    /// <summary>A spot keeps its distance from the centre, and goes both ways.</summary>
    [Test]
    public void RandomRotation_Spot_TurnsAboutTheCentre()
    {
        byte[] before = new byte[CnnArchitecture.ImageBytes];
        foreach (var (row, column) in new[] { (15, 25), (15, 26), (16, 25), (16, 26) })
        {
            before.AsSpan(3 * (row * Size + column), 3).Fill(200); // its middle is 10 right of the centre
        }

        List<double> angles = [];
        for (int image = 0; image < 60; image++)
        {
            byte[] after = Applied(new RandomRotation(30), before, image);
            double sum = 0, x = 0, y = 0;
            for (int i = 0; i < Size * Size; i++)
            {
                sum += after[3 * i];
                x += after[3 * i] * (i % Size - 15.5);
                y += after[3 * i] * (i / Size - 15.5);
            }

            angles.Add(Math.Atan2(y, x) * 180 / Math.PI);
            Assert.That(double.Hypot(x / sum, y / sum), Is.EqualTo(10).Within(.1));
            Assert.That(sum, Is.EqualTo(800).Within(60), "about as bright as it was");
        }

        Assert.That(angles, Is.All.InRange(-30.5, 30.5));
        Assert.That((angles.Min(), angles.Max()), Is.EqualTo((-27.0, 27.0)).Within(3.5));
    }

    [Test]
    public void RandomRotation_FineGrain_StaysAsBright()
    {
        byte[] grain = [.. Enumerable.Range(0, CnnArchitecture.ImageBytes).Select(i => (byte)(100 + (i / 3 + i / 96) % 2))];

        Assert.That(Enumerable.Range(0, 20).Average(image => Applied(new RandomRotation(180), grain, image).Average(value => value)), Is.EqualTo(100.5).Within(.1), "rounded, not cut");
    }

    /// <summary>Each alone: brightness multiplies, contrast spreads about the mean grey, saturation spreads about a pixel's own grey.</summary>
    [Test]
    public void ColorJitter_OneAtATime_DoesWhatItIsCalled()
    {
        byte[] before = [.. Enumerable.Range(0, Size * Size).SelectMany(i => i % 2 == 0 ? new byte[] { 120, 90, 60 } : [80, 110, 130])];
        List<double> light = [], steep = [], colour = [];
        for (int image = 0; image < 100; image++)
        {
            byte[] lit = Applied(new ColorJitter(.4, 0, 0), before, image), contrasted = Applied(new ColorJitter(0, .4, 0), before, image), coloured = Applied(new ColorJitter(0, 0, .4), before, image);
            light.Add(lit[0] / 120.0);
            Assert.That(lit.Take(6).Select(value => (double)value), Is.EqualTo(before.Take(6).Select(value => light[^1] * value)).Within(1.1));

            double mean = (Grey(before, 0) + Grey(before, 3)) / 2;
            steep.Add((contrasted[0] - mean) / (120 - mean));
            Assert.That(contrasted.Take(6).Select(value => (double)value), Is.EqualTo(before.Take(6).Select(value => mean + steep[^1] * (value - mean))).Within(1.6));

            colour.Add((coloured[0] - Grey(before, 0)) / (120 - Grey(before, 0)));
            Assert.That((Grey(coloured, 0), Grey(coloured, 3)), Is.EqualTo((Grey(before, 0), Grey(before, 3))).Within(.6), "the grey of each pixel stays");
            Assert.That(coloured[4] - coloured[5], Is.EqualTo(colour[^1] * (110 - 130)).Within(1.6));

            byte[] all = Applied(new ColorJitter(.4, .4, .4), before, image);
            Assert.That((Grey(all, 0) + Grey(all, 3)) / 2, Is.EqualTo(light[^1] * mean).Within(1.2), "neither contrast nor saturation changes how light it is");
        }

        foreach (var factors in new[] { light, steep, colour })
        {
            Assert.That((factors.Min(), factors.Max()), Is.EqualTo((.62, 1.38)).Within(.06), "as often less as more");
        }

        static double Grey(byte[] pixels, int at) => .299 * pixels[at] + .587 * pixels[at + 1] + .114 * pixels[at + 2];
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

        List<byte[]> Epoch(int batch) => [.. new BatchSource(images, TrainingPlan.Create(options with { BatchSize = batch }, 60), seed: 3).Epoch(2, default)
            .SelectMany(b => b.Images.ToArray().Chunk(CnnArchitecture.ImageBytes).Zip(b.Targets.ToArray().Chunk(3), (pixels, target) => (byte[])[.. pixels, .. target.SelectMany(BitConverter.GetBytes)]))];
    }

    [Test]
    public void BatchSource_Targets_AreSmoothedMixedAndWeighted()
    {
        var images = new ImageSet(EngineTestData.RandomImages(40, 1), [.. Enumerable.Range(0, 40).Select(i => i < 30 ? 0 : 1)], ["many", "few"]);

        float[][] plain = Targets(new() { LabelSmoothing = .2f });
        float[][] weighted = Targets(new() { LabelSmoothing = 0, ClassWeights = ClassWeights.Balanced });
        float[][] mixed = Targets(new() { Augmentations = [new CutMix(1, 1)], LabelSmoothing = 0 });
        float[][] both = Targets(new() { Augmentations = [new CutMix(1, 1)], LabelSmoothing = 0, ClassWeights = ClassWeights.Balanced });

        Assert.That(plain.Select(t => t.Max()), Is.All.EqualTo(.9f).Within(1e-6));
        Assert.That(weighted.Select(t => t.Sum()).Distinct().Order(), Is.EqualTo(new[] { 40 / 60f, 2 }).Within(1e-6));
        Assert.That(weighted.Sum(t => t[0]), Is.EqualTo(weighted.Sum(t => t[1])).Within(1e-4));
        Assert.That(mixed.Select(t => t.Sum()), Is.All.EqualTo(1).Within(1e-5));
        Assert.That(mixed.Count(t => t.Min() > 0), Is.InRange(5, 39), "images of the two classes meet");
        Assert.That(both.Zip(mixed).SelectMany(pair => pair.First.Zip(pair.Second.Select(share => share * (pair.Second[0] * 40 / 60f + pair.Second[1] * 2)), (found, expected) => found - expected)), Is.All.EqualTo(0).Within(1e-5), "a mixed image weighs what its parts weigh");

        float[][] Targets(TrainerOptions options) => [.. new BatchSource(images, TrainingPlan.Create(new TrainerOptions { Recipe = Recipe.Keras, BatchSize = 40, Augmentations = options.Augmentations, LabelSmoothing = options.LabelSmoothing, ClassWeights = options.ClassWeights }, 40), 1)
            .Epoch(1, default).Single().Targets.ToArray().Chunk(2)];
    }

    [Test]
    public void BatchSource_ImageMixedIn_WentThroughTheAugmentationsBeforeToo()
    {
        Assert.That(Pixels([new White(), new Mixup(1, 1), new CutMix(1, 1)]), Is.All.EqualTo(255));
    }

    [Test]
    public void BatchSource_AugmentationTwice_DrawsAnew()
    {
        byte[] plain = Pixels([]), flips = Pixels([new RandomFlip(), new RandomFlip()]);

        Assert.That(plain.Chunk(CnnArchitecture.ImageBytes).Zip(flips.Chunk(CnnArchitecture.ImageBytes)).Count(pair => pair.First.SequenceEqual(pair.Second)), Is.InRange(10, 30), "about half of 40 are turned once");
    }

    [Test]
    public void BatchSource_NextEpoch_DrawsAnew()
    {
        Assert.That(Enumerable.Range(1, 4).Select(epoch => Convert.ToHexString(Pixels([new RandomTranslation(8)], count: 1, epoch))), Is.Unique);
    }

    /// <summary>Of one image there is no other: it is mixed with itself, moved elsewhere.</summary>
    [Test]
    public void BatchSource_ImageMixedIn_HasDrawsOfItsOwn()
    {
        Assert.That(Pixels([new RandomTranslation(8), new Mixup(1, 1)], count: 1), Is.Not.EqualTo(Pixels([new RandomTranslation(8)], count: 1)));
    }

    /// <summary>What an augmentation reads may be freed when the training has ended.</summary>
    [Test]
    public void BatchSource_LeftWhileTheNextBatchIsPrepared_LeavesNothingRunning()
    {
        using var begun = new ManualResetEventSlim();
        var slow = new Slow(begun);
        var source = new BatchSource(ColourImages.Create(4), TrainingPlan.Create(new TrainerOptions { Augmentations = [slow], BatchSize = 1 }, 4), 1);

        foreach (var batch in source.Epoch(1, default))
        {
            Assert.That(begun.Wait(TimeSpan.FromMinutes(1)), Is.True, "the second one");
            break;
        }

        Assert.That(slow.IsRunning, Is.False);
    }

    [Test]
    public void BatchSource_AugmentationThatThrows_EndsTheEpochWithItsError()
    {
        var options = new TrainerOptions { Augmentations = [new Failing()], BatchSize = 4 };

        Assert.That(
            () => new BatchSource(ColourImages.Create(20), TrainingPlan.Create(options, 20), 1).Epoch(1, default).Count(),
            Throws.TypeOf<InvalidOperationException>().With.Message.EqualTo("mine"));
    }

    private static byte[] Pixels(IReadOnlyList<Augmentation> augmentations, int count = 40, int epoch = 1)
    {
        var images = new ImageSet(EngineTestData.RandomImages(count, 1), [.. Enumerable.Range(0, count).Select(i => i % 2)], ["even", "odd"]);
        return new BatchSource(images, TrainingPlan.Create(new TrainerOptions { Recipe = Recipe.Keras, BatchSize = count, Augmentations = augmentations }, count), 1).Epoch(epoch, default).Single().Images.ToArray();
    }

    private static AugmentationRandom Random(int image) => new(seed: 1, epoch: 1, image, place: 0);

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

    private sealed class White : Augmentation
    {
        public override void Apply(Span<byte> image, AugmentationRandom random) => image.Fill(255);
    }

    /// <summary>Takes its time with every image but the first.</summary>
    private sealed class Slow(ManualResetEventSlim begun) : Augmentation
    {
        private int calls;

        public bool IsRunning { get; private set; }

        public override void Apply(Span<byte> image, AugmentationRandom random)
        {
            if (Interlocked.Increment(ref calls) > 1)
            {
                IsRunning = true;
                begun.Set();
                Thread.Sleep(100);
                IsRunning = false;
            }
        }
    }

    private sealed class Failing : Augmentation
    {
        public override void Apply(Span<byte> image, AugmentationRandom random) => throw new InvalidOperationException("mine");
    }
}
