using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>Which images of a class are set aside: how many, and what of pictures that are there several times.</summary>
public sealed class SetAsideTests
{
    private static readonly int[] Seeds = [.. Enumerable.Range(0, 40)];

    [TestCase(.1, 10, 1)]
    [TestCase(.01, 10, 1)]
    [TestCase(.26, 10, 3)]
    [TestCase(.99, 10, 9, TestName = "one stays to train on")]
    [TestCase(.9, 2, 1)]
    [TestCase(.9, 1, 0)]
    public void Draw_DifferentPictures_IsTheRoundedShare(double fraction, int images, int expected) =>
        Assert.That(SetAside.Draw(fraction, 0, 0, Different(images)), Has.Count.EqualTo(expected));

    [Test]
    public void Draw_DifferentPictures_IsThePlainDrawOfSeedAndClass([Values(0, 3)] int seed, [Values(0, 1)] int label) =>
        Assert.That(SetAside.Draw(.2, seed, label, Different(50)), Is.EquivalentTo(new PhiloxRandom(seed, RandomStreams.Split + (uint)label).Permutation(50)[..10]));

    /// <summary>Of a class that sets 20 images aside, a picture of 4 copies may be among them; one of 5 would decide a fourth of the accuracy alone.</summary>
    [TestCase(100, 4, true)]
    [TestCase(100, 5, false)]
    [TestCase(20, 2, false, TestName = "of 4 images half")]
    public void Draw_PictureOfManyCopies_IsTrainedOn(int images, int copies, bool mayBeAside)
    {
        UInt128[] pictures = [.. Different(images).Select((picture, i) => i < copies ? 0 : picture)];

        var drawn = Seeds.Select(seed => SetAside.Draw(.2, seed, 0, pictures)).ToArray();

        Assert.That(drawn.Select(aside => aside.Count), Is.All.EqualTo(images / 5));
        Assert.That(drawn.Any(aside => aside.Contains(0)), Is.EqualTo(mayBeAside));
        Assert.That(drawn.Select(aside => aside.Count(i => i < copies)), Is.All.EqualTo(0).Or.EqualTo(copies), "all on one side");
    }

    [Test]
    public void Draw_OnePictureAlone_IsDivided() =>
        Assert.That(Seeds.Select(seed => SetAside.Draw(.2, seed, 0, new UInt128[10]).Count), Is.All.EqualTo(2));

    [Test]
    public void Draw_PicturesOfMoreCopiesThanAreAskedFor_IsTheOneOfFewest() =>
        Assert.That(Seeds.Select(seed => SetAside.Draw(.1, seed, 0, [.. Enumerable.Range(0, 20).Select(i => (UInt128)(i < 7 ? 1 : 2))]).Order()), Is.All.EqualTo(Enumerable.Range(0, 7)));

    /// <summary>The first and the third stay together for the one reason, the second and the third for the other: all three do.</summary>
    [TestCase(new[] { 1, 2, 2 }, new[] { 5, 6, 5 })]
    [TestCase(new[] { 1, 2, 1 }, new[] { 5, 6, 6 })]
    [TestCase(new[] { 1, 1, 2 }, new[] { 5, 6, 6 })]
    public void Either_ImagesThatAThirdStaysWith_StayTogether(int[] pictures, int[] others)
    {
        Assert.That(SetAside.Either([.. pictures.Select(i => (UInt128)i)], [.. others.Select(i => (UInt128)i)]).Distinct().Count(), Is.EqualTo(1));
        Assert.That(SetAside.Either([.. pictures.Select(i => (UInt128)i)], null), Is.EqualTo(pictures.Select(i => (UInt128)i)));
    }

    /// <summary>Copies that their names alone tell are known as such also of images that were taken or shuffled before.</summary>
    [Test]
    public void TrainValidationSplit_ImagesChosenBefore_KeepsCopiesTogether()
    {
        var images = new ImageSet([.. Enumerable.Range(0, 60).SelectMany(i => Enumerable.Repeat((byte)i, CnnArchitecture.ImageBytes))], new int[60], ["a", "b"]) { Pictures = [.. Enumerable.Range(0, 60).Select(i => (UInt128)(i / 2))] };

        foreach (var chosen in new[] { images, images.Shuffle(3), images.Take(40) })
        {
            var aside = chosen.TrainValidationSplit(.2, seed: 5).Validation;
            Assert.That(Enumerable.Range(0, aside.Count).Select(i => aside.Image(i)[0] / 2).CountBy(picture => picture).Select(picture => picture.Value), Is.Not.Empty.And.All.EqualTo(2));
        }
    }

    /// <summary>As of folders: the same seed sets the same ones aside everywhere.</summary>
    [Test]
    public void TrainValidationSplit_Images_AreDrawnByTheirLabels()
    {
        var images = new ImageSet([.. Enumerable.Range(0, 60).SelectMany(i => Enumerable.Repeat((byte)i, CnnArchitecture.ImageBytes))], [.. Enumerable.Range(0, 60).Select(i => i / 30)], ["a", "b"]);

        var aside = images.TrainValidationSplit(.2, seed: 5).Validation;

        Assert.That(
            Enumerable.Range(0, aside.Count).Select(i => (int)aside.Image(i)[0]),
            Is.EqualTo(new[] { 0, 1 }.SelectMany(label => SetAside.Draw(.2, 5, label, Different(30)).Order().Select(i => 30 * label + i))));
    }

    /// <summary>Who trains on all classes and measures with them in a model's order, or on some of them, must not measure on what was trained on.</summary>
    [TestCase("c,b,a")]
    [TestCase("b,c")]
    public void Load_ClassesInAnotherOrderOrSome_SetTheSameImagesAside(string classes)
    {
        string root = PictureFolders.Write(("a", 20), ("b", 20), ("c", 20));

        var all = Cifar3Data.Load(root);
        var chosen = Cifar3Data.Load(root, new DataOptions { Classes = classes.Split(',') });

        foreach (string name in classes.Split(','))
            Assert.That(Values(chosen.Test, name), Is.EqualTo(Values(all.Test, name)), name);

        static byte[] Values(ImageSet set, string name) => [.. Enumerable.Range(0, set.Count).Where(i => set.ClassNames[set.Labels[i]] == name).Select(i => set.Image(i)[0])];
    }

    /// <summary>Drawn among the sound pictures: where the bad one of a small class was drawn, the class had none to test on.</summary>
    [Test]
    public void Load_BadPictureThatWouldBeSetAside_LeavesThatToAnother()
    {
        string root = PictureFolders.Write(("cat", 5), ("dog", 5));
        int drawn = Cifar3Data.Load(root).Test.Image(0)[0];
        File.WriteAllText($"{root}/cat/{drawn:0000}.png", "no picture");
        var progress = new ProgressList();
        var options = new DataOptions { OnBadImage = OnBadImage.Collect, Progress = progress };

        var loaded = Cifar3Data.Load(root, options);
        var streamed = new MLContext().Data.LoadCifar3FromFolder(root, options with { Progress = null });

        Assert.That((PictureFolders.Counts(loaded.Train), PictureFolders.Counts(loaded.Test), loaded.BadImages.Length), Is.EqualTo(("cat 3, dog 4", "cat 1, dog 1", 1)));
        Assert.That((streamed.TrainSet.GetRowCount(), streamed.TestSet.GetRowCount(), streamed.BadImages.Length), Is.EqualTo((7L, 2L, 1)));
        Assert.That(progress.Order(), Is.EqualTo(Enumerable.Range(1, 10)), "each picture once");
    }

    private sealed class ProgressList : List<long>, IProgress<DataProgress>
    {
        public void Report(DataProgress value)
        {
            lock (this)
            {
                Add(value.Done);
            }
        }
    }

    private static UInt128[] Different(int count) => [.. Enumerable.Range(1, count).Select(i => (UInt128)i)];

    /// <summary>Nothing is wrong with the pictures: all that were left to be read would have been left out as bad ones.</summary>
    [Test]
    public void BadImages_TooManyOpenFiles_EndTheLoadingUnderEveryRule([Values(OnBadImage.Skip, OnBadImage.Collect)] OnBadImage rule)
    {
        var bad = new BadImages(rule, new SkipCounter());
        var cause = new IOException("Too many open files", OperatingSystem.IsWindows() ? unchecked((int)0x80070004) : 24);

        Assert.That(() => bad.Add("a.png", new Cifar3ImageException("Cannot read image 'a.png'.", cause)), Throws.TypeOf<Cifar3ImageException>());
        Assert.That(() => bad.OnFolder!("cat", cause), Throws.TypeOf<Cifar3DataException>().With.Message.EqualTo("Cannot read 'cat': Too many open files. Too many files are open: close some, or raise the limit (ulimit -n)."));
        bad.Add("b.png", new Cifar3ImageException("Cannot read image 'b.png'.", new UnauthorizedAccessException("Access denied")));
        Assert.That(bad.Collected, Has.Length.EqualTo(rule == OnBadImage.Collect ? 1 : 0));
    }
}
