using System.Collections.Concurrent;
using SkiaSharp;

namespace Cifar3.Tests;

public sealed class ImageFolderTests
{
    [Test]
    public void Load_OwnClasses_KeepTheirNamesInOrdinalOrder()
    {
        string root = Write(("screw", 3), ("nut", 2), ("Zange", 2));

        var data = Cifar3Data.Load(root);

        Assert.That(data.ClassNames, Is.EqualTo(new[] { "Zange", "nut", "screw" }));
        Assert.That(data.Train.Labels.ToArray(), Is.EqualTo(new[] { 0, 0, 1, 1, 2, 2, 2 }));
        Assert.That(data.Test.Count, Is.EqualTo(7));
        Assert.That(data.Source, Does.StartWith($"image folders '{root}'"));
    }

    [TestCase("automobile,bird,airplane", "airplane,automobile,bird")]
    [TestCase("plane,car,bird", "bird,car,plane")]
    [TestCase("Plane,car,Bird", "Bird,Plane,car")]
    public void Load_FoldersNamedLikeCifar10Classes_KeepTheirNamesAndKerasOrder(string folders, string expected)
    {
        string root = Write([.. folders.Split(',').Select((name, i) => (name, i + 1))]);

        var data = Cifar3Data.Load(root);

        Assert.That(string.Join(",", data.ClassNames), Is.EqualTo(expected));
        Assert.That(data.Train.Labels.ToArray(), Is.Ordered);
        Assert.That(data.Train.Labels.ToArray().Count(label => label == 0), Is.EqualTo(Array.IndexOf(folders.Split(','), expected.Split(',')[0]) + 1));
    }

    [Test]
    public void Load_ChosenClasses_GetTheOrderAndNamesChosen()
    {
        string root = Write(("airplane", 1), ("automobile", 2), ("bird", 3));

        var data = Cifar3Data.Load(root, new DataOptions { Classes = ["bird", "plane"] });

        Assert.That(data.ClassNames, Is.EqualTo(new[] { "bird", "plane" }));
        Assert.That(data.Train.Labels.ToArray(), Is.EqualTo(new[] { 0, 0, 0, 1 }));
        AssertFails(() => Cifar3Data.Load(root, new DataOptions { Classes = ["bird", "kite"] }), "no class 'kite'", "'airplane', 'automobile', 'bird'");
    }

    [Test]
    public void Load_AnyNumberOfThreads_GivesFilesInOrdinalOrder()
    {
        string root = Write(("a", 40), ("b", 40));
        var reversed = new DataOptions { Threads = 1 };

        var one = Cifar3Data.Load(root, reversed);
        var many = Cifar3Data.Load(root, new DataOptions { Threads = 8 });

        Assert.That(many.Train.Pixels.SequenceEqual(one.Train.Pixels), Is.True);
        Assert.That(Enumerable.Range(0, 40).Select(i => (int)one.Train.Image(i)[0]), Is.EqualTo(Enumerable.Range(0, 40)));
    }

    [Test]
    public void Load_OtherSizesAndFormats_AreResizedTo32x32()
    {
        string root = TestFiles.NewFolder();
        foreach (string part in new[] { "train", "test" })
        {
            Save(Path.Combine(root, part, "a", "1.png"), 48, 40, 10, SKEncodedImageFormat.Png);
            Save(Path.Combine(root, part, "a", "2.JPG"), 100, 20, 20, SKEncodedImageFormat.Jpeg);
            Save(Path.Combine(root, part, "b", "deeper", "3.webp"), 5, 5, 30, SKEncodedImageFormat.Webp);
        }

        var data = Cifar3Data.Load(root);

        Assert.That(data.Train.Shape, Is.EqualTo((3, 32, 32, 3)));
        Assert.That(Enumerable.Range(0, 3).Select(i => (int)data.Train.Image(i)[0]), Is.EqualTo(new[] { 10, 20, 30 }).Within(1));
    }

    [Test]
    public void Load_HiddenFilesAndClutter_AreSkipped()
    {
        string root = Write(("a", 1), ("b", 1));
        foreach (string name in new[] { ".DS_Store", "Thumbs.db", "desktop.ini" })
        {
            File.WriteAllText(Path.Combine(root, "train", "a", name), "no image");
        }

        Directory.CreateDirectory(Path.Combine(root, "train", ".ipynb_checkpoints"));
        File.WriteAllText(Path.Combine(root, "train", "labels.csv"), "files beside the class folders are not read");

        var data = Cifar3Data.Load(root);

        Assert.That(data.Train.Count, Is.EqualTo(2));
        Assert.That(data.Skipped.Select(s => (s.Reason, s.Count)), Is.EqualTo(new[] { (SkipReason.OtherFile, 1), (SkipReason.SystemFile, 4) }));
    }

    [Test]
    public void Load_EmptyFolder_SaysSo() => AssertFails(() => Cifar3Data.Load(TestFiles.NewFolder()), "an empty folder");

    [Test]
    public void Load_TestFraction_SplitsEachClassByTheSeed()
    {
        string root = Path.Combine(Write(("a", 20), ("b", 10)), "train"); // the class folders themselves
        var options = new DataOptions { TestFraction = 0.2, Seed = 3 };

        var data = Cifar3Data.Load(root, options);

        Assert.That(data.Test.Labels.ToArray(), Is.EqualTo(new[] { 0, 0, 0, 0, 1, 1 }));
        Assert.That(data.Train.Count, Is.EqualTo(24));
        var all = Values(data.Train).Concat(Values(data.Test)).Order();
        Assert.That(all, Is.EqualTo(Enumerable.Range(0, 20).Select(i => (0, i)).Concat(Enumerable.Range(0, 10).Select(i => (1, i)))));
        Assert.That(Values(Cifar3Data.Load(root, options).Test), Is.EqualTo(Values(data.Test)));
        Assert.That(Values(Cifar3Data.Load(root, options with { Seed = 4 }).Test), Is.Not.EqualTo(Values(data.Test)));
        AssertFails(() => Cifar3Data.Load(root, options with { TestFraction = 1 }), "above 0 and below 1");
        AssertFails(() => Cifar3Data.Load(root, options with { Classes = ["a", null!] }), "(in DataOptions.Classes). Received: null");

        static List<(int, int)> Values(ImageSet set) => [.. Enumerable.Range(0, set.Count).Select(i => (set.Labels[i], (int)set.Image(i)[0]))];
    }

    /// <summary>As in icon themes, where hundreds of names are links to one file.</summary>
    [Test]
    public void Load_LinksAndCopiesOfAFile_TrainOrTestTogether()
    {
        string root = PictureFolders.Write(("a", 20));
        PictureFolders.Add($"{root}/b", 20, from: 20);
        PictureFolders.Add($"{root}/c", 20, from: 40);
        string plain = Cifar3Data.Load(root).Source;
        for (int i = 0; i < 20; i++)
        {
            TestFiles.Link($"{root}/a/link{i}.png", $"{root}/a/{i:0000}.png");
            File.Copy($"{root}/b/{20 + i:0000}.png", $"{root}/b/copy{i}.png");
        }

        for (int seed = 0; seed < 3; seed++)
        {
            var data = Cifar3Data.Load(root, new DataOptions { Seed = seed });

            Assert.That(PictureFolders.Counts(data.Test), Is.EqualTo("a 8, b 8, c 4"));
            Assert.That(data.Source, Is.EqualTo($"{plain.Replace("(seed 0)", $"(seed {seed})", StringComparison.Ordinal)}; 40 of the 100 files are copies of others of their class, which train or test with them"));
        }
    }

    /// <summary>As in icon themes: a folder for each size of a picture, or one for pictures and one for what was made of them.</summary>
    [Test]
    public void Load_SizesOfAPictureInFoldersOfTheirOwn_TrainValidateOrTestTogether()
    {
        string root = TestFiles.NewFolder();
        PictureFolders.Add($"{root}/a/16x16", 20);
        PictureFolders.Add($"{root}/a/32x32", 20, from: 20);
        PictureFolders.Add($"{root}/b", 20, from: 40);
        for (int i = 0; i < 20; i++)
        {
            File.Move($"{root}/a/32x32/{20 + i:0000}.png", $"{root}/a/32x32/{i:0000}.PNG");
            File.Copy($"{root}/b/{40 + i:0000}.png", $"{root}/b/copy{i}.png"); // and copies of files stay with them
        }

        for (int seed = 0; seed < 3; seed++)
        {
            var data = Cifar3Data.Load(root, new DataOptions { Seed = seed });
            var (train, validation) = data.Train.TrainValidationSplit(.2, seed);

            Assert.That((PictureFolders.Counts(train), PictureFolders.Counts(validation), PictureFolders.Counts(data.Test)), Is.EqualTo(("a 26, b 26", "a 6, b 6", "a 8, b 8")));
            foreach (var part in new[] { train, validation, data.Test })
            {
                var a = Enumerable.Range(0, part.Count).Where(i => part.Labels[i] == 0).Select(i => (int)part.Image(i)[0]).ToHashSet();
                Assert.That(a.Select(value => (value + 20) % 40), Is.EquivalentTo(a), "both sizes of a picture");
            }

            Assert.That(data.Source, Does.EndWith("; 20 of the 80 files are copies of others of their class, which train or test with them; 20 of the 80 files show by their names the pictures of others of their class, with which they train or test (sizes, changed copies)"));
        }
    }

    /// <summary>A folder for each thing, and in it its sides: all left sides would be set aside.</summary>
    [Test]
    public void Pictures_SidesOfThingsInFoldersOfTheirOwn_AreNotTakenForSizes()
    {
        string[] sides = [.. Enumerable.Range(0, 30).SelectMany(thing => new[] { $"a/{thing}/left.jpg", $"a/{thing}/right.jpg" })];

        Assert.That(NamedPictures.Of(sides), Is.Unique);
        Assert.That(NamedPictures.Of(["a/x/1.jpg", "a/x/2.jpg", "a/y/1.jpg", "a/y/3.jpg", "a/z/4.jpg", "a/z/5.jpg"]), Is.Unique, "fewer than twice as many names as folders");
        Assert.That(NamedPictures.Of(["a/x/1.jpg", "a/x/2.jpg", "a/x/3.jpg", "a/x/4.jpg", "a/y/1.png"]), Is.EqualTo(new UInt128[] { 0, 1, 2, 3, 0 }));
        Assert.That(NamedPictures.Of(["a/1.jpg", "a/1.png", "a/2.jpg"]), Is.EqualTo(new UInt128[] { 0, 0, 1 }), "one picture in two formats");
        Assert.That(NamedPictures.Of(["1.jpg", "1_flip.jpg", "2.jpg"]), Is.EqualTo(new UInt128[] { 0, 0, 1 }), "as many pictures as the largest has names");
        Assert.That(NamedPictures.Of(["Rex.jpg", "REX.png", "rex_flip.jpg", "2.jpg", "3.jpg"]), Is.EqualTo(new UInt128[] { 0, 0, 0, 1, 2 }), "in any case");
        Assert.That(NamedPictures.Of([]), Is.Empty);
    }

    /// <summary>Pictures multiplied before the training, as people do who have few.</summary>
    [TestCase("7.jpg", "7_flip.jpg", "7-rot90.png", "7_flip_dark.jpg", "7 (1).jpg", "aug_7_0_1234.jpg", "flip_horizontal_7.jpg", "Copy of 7.jpg", TestName = "Of_ChangedCopies_BesideTheirPicture_AreIt(by hand)")]
    [TestCase("DSC_01_jpg.rf.0123456789abcdef0123456789abcdef.jpg", "DSC_01_jpg.rf.fedcba9876543210fedcba9876543210.jpg", TestName = "Of_ChangedCopies_BesideTheirPicture_AreIt(Roboflow)")]
    [TestCase("dog_original_DSC_01.jpg_0f8fad5b-d9cb-469f-a165-70867728950e.jpg", "dog_original_DSC_01.jpg_7c9e6679-7425-40de-944b-e07fc1f90ae7.jpg", "DSC_01.jpg", TestName = "Of_ChangedCopies_BesideTheirPicture_AreIt(Augmentor)")]
    public void Of_ChangedCopies_BesideTheirPicture_AreIt(params string[] copies)
    {
        string[] others = [.. Enumerable.Range(20, 10).Select(i => $"{i}.jpg"), "DSC_02_jpg.rf.0123456789abcdef0123456789abcdef.jpg", "cat_original_DSC_03.jpg_7c9e6679-7425-40de-944b-e07fc1f90ae7.jpg", "77.jpg", "17.jpg", "x7_1.jpg", "x17.jpg", "DSC_011.jpg", "a_27x.jpg"];

        var pictures = NamedPictures.Of([.. copies, .. others]);

        Assert.That(pictures.Take(copies.Length), Is.All.EqualTo(pictures[0]));
        Assert.That(pictures.Skip(copies.Length).Prepend(pictures[0]), Is.Unique);
    }

    [Test]
    public void Of_NamesThatCount_AreNoCopies()
    {
        Assert.That(NamedPictures.Of(["dog.jpg", .. Enumerable.Range(1, 20).Select(i => $"dog_{i}.jpg"), "puppy.jpg", "hound.jpg"]), Is.Unique);
        Assert.That(NamedPictures.Of(["dog.jpg", "Dog_1.jpg", "DOG_2.jpg"]), Is.Unique, "in any case");
    }

    [Test]
    public void Load_PicturesMultipliedUnderTheirNames_TrainOrTestWithTheirCopies()
    {
        string root = TestFiles.NewFolder();
        for (int i = 0; i < 40; i++)
        {
            string folder = Directory.CreateDirectory(Path.Combine(root, i % 2 == 0 ? "a" : "b")).FullName;
            foreach (var (k, name) in new[] { $"{i}", $"{i}_flip", $"aug_{i}_0_{37 * i}" }.Index())
            {
                File.WriteAllBytes(Path.Combine(folder, name + ".png"), PictureFolders.Picture((byte)(3 * i + k)));
            }
        }

        var data = Cifar3Data.Load(root);

        Assert.That(data.Test.Count, Is.EqualTo(24));
        Assert.That(data.Source, Does.EndWith("; 80 of the 120 files show by their names the pictures of others of their class, with which they train or test (sizes, changed copies)"));
        Assert.That(Pictures(data.Test).Intersect(Pictures(data.Train)), Is.Empty);

        static HashSet<int> Pictures(ImageSet images) => [.. Enumerable.Range(0, images.Count).Select(i => images.Image(i)[0] / 3)];
    }

    [Test]
    public void Pictures_FilesOfOneLengthAndBeginning_AreCopiesWhereAllBytesAre()
    {
        string root = TestFiles.NewFolder();
        string[] files = [.. new byte[][] { new byte[5000], [.. new byte[4999], 1], new byte[5000], new byte[4000], [1, .. new byte[4999]] }.Select((bytes, i) => Write($"{i}", bytes)), Path.Combine(root, "none"), Path.Combine(root, "none")];

        var pictures = SetAside.Pictures(files, default);

        Assert.That(pictures[2], Is.EqualTo(pictures[0]));
        Assert.That(pictures.Distinct().Count(), Is.EqualTo(files.Length - 1), "files that cannot be read are no copies of each other");

        string Write(string name, byte[] bytes)
        {
            File.WriteAllBytes(Path.Combine(root, name), bytes);
            return Path.Combine(root, name);
        }
    }

    [TestCase(null, "a 4, b 2, c 1")]
    [TestCase(.4, "a 8, b 4, c 1")]
    public void Load_ClassesOfAnySize_GiveTheirRoundedShareAndAtLeastOne(double? fraction, string expected) =>
        Assert.That(PictureFolders.Counts(Cifar3Data.Load(PictureFolders.Write(("a", 20), ("b", 9), ("c", 2)), new DataOptions { TestFraction = fraction }).Test), Is.EqualTo(expected));

    /// <summary>The test pictures; without them those of validation; without both all there are.</summary>
    [TestCase("train,val,test", 2)]
    [TestCase("train,val", 4)]
    [TestCase("train", 6)]
    public void ReadForEvaluation_Parts_AreTakenInThisOrder(string parts, int images)
    {
        string root = PictureFolders.Write([.. parts.Split(',').SelectMany(part => new[] { "cat", "dog" }.Select(name => ($"{part}/{name}", part switch { "train" => 3, "val" => 2, _ => 1 })))]);

        Assert.That(DataLocator.ReadForEvaluation(root, new DataOptions { Classes = ["cat", "dog"] }).Images.Count, Is.EqualTo(images));
    }

    [Test]
    public void Load_EmptyClass_NamesItsFolder()
    {
        string root = Write(("a", 1), ("b", 1));
        File.Delete(Directory.GetFiles(Path.Combine(root, "test", "b")).Single());

        AssertFails(() => Cifar3Data.Load(root), Path.Combine(root, "test", "b"), "has no image");
    }

    [Test]
    public void Load_OneClass_SaysThatTwoAreNeeded() =>
        AssertFails(() => Cifar3Data.Load(Write(("a", 1))), "too few classes", "Expected 2 to 100. Found one, 'a'");

    [Test]
    public void Load_TooManyClasses_SaysTheLimit() =>
        AssertFails(() => Cifar3Data.Load(Write([.. Enumerable.Range(0, 101).Select(i => ($"class{i}", 1))])), "too many classes", "Expected 2 to 100. Found 101. Join classes, or leave some out");

    [Test]
    public void Load_TestClassesDiffer_NamesTheDifference()
    {
        string root = Write(("screw", 1), ("nut", 1));
        Directory.Move(Path.Combine(root, "test", "nut"), Path.Combine(root, "test", "bolt"));

        AssertFails(() => Cifar3Data.Load(root), "only in train: 'nut'", "only in test: 'bolt'");
    }

    [Test]
    public void Load_FilesThatAreNoImages_ReportsTheFirst()
    {
        string root = Write(("a", 30), ("b", 30));
        foreach (string name in new[] { "a/0017.png", "a/0025.png", "b/0003.png" })
        {
            File.WriteAllText(Path.Combine(root, "train", name), "no image");
        }

        for (int round = 0; round < 5; round++)
        {
            var error = Assert.Throws<Cifar3ImageException>(() => Cifar3Data.Load(root, new DataOptions { Threads = 4 }));

            Assert.That(error!.Message, Does.Contain(Path.Combine("a", "0017.png")).And.Contain("a text file of 8 bytes").And.Not.Contain("\n"));
        }
    }

    [Test]
    public void Load_ZeroByZeroImage_NamesTheFile()
    {
        string root = Write(("a", 1), ("b", 1)), path = Path.Combine(root, "train", "b", "0000.png");
        File.WriteAllBytes(path, TestImages.Resized(File.ReadAllBytes(path), 0, 0));

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains(path).And.Message.Contains("0x0 pixels"));
    }

    [Test]
    public void Load_Cancelled_Stops()
    {
        using var cancellation = new CancellationTokenSource();
        var progress = new Reporter(_ => cancellation.Cancel());
        string root = Write(("a", 50), ("b", 50));

        Assert.That(() => Cifar3Data.Load(root, new DataOptions { Progress = progress, CancellationToken = cancellation.Token }), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void Load_Progress_CountsEveryImage()
    {
        var reports = new ConcurrentBag<DataProgress>();

        Cifar3Data.Load(Write(("a", 30), ("b", 20)), new DataOptions { Progress = new Reporter(reports.Add) });

        Assert.That(reports.Max(r => r.Done), Is.EqualTo(100)); // 50 to train on, 50 to test on
        Assert.That(reports, Is.All.Matches<DataProgress>(r => r.Stage == DataStage.Reading && r.Total == 100));
        Assert.That(reports, Has.Count.LessThanOrEqualTo(100));
    }

    [Test]
    public void Load_RealImages_HaveTheExpectedShapes()
    {
        var data = Cifar3Data.Load(TestFiles.RealImages());

        Assert.That(data.Train.Shape, Is.EqualTo((15000, 32, 32, 3)));
        Assert.That(data.Test.Shape, Is.EqualTo((3000, 32, 32, 3)));
        Assert.That(data.ClassNames, Is.EqualTo(new[] { "airplane", "automobile", "bird" }));
        Assert.That(Enumerable.Range(0, 3).Select(label => data.Train.Labels.ToArray().Count(l => l == label)), Is.All.EqualTo(5000));
    }

    private sealed class Reporter(Action<DataProgress> report) : IProgress<DataProgress>
    {
        public void Report(DataProgress value) => report(value);
    }

    /// <summary>Writes train and test folders; image i of a class has the red value i.</summary>
    private static string Write(params (string Name, int Count)[] classes)
    {
        string root = TestFiles.NewFolder();
        foreach (string part in new[] { "train", "test" })
        {
            foreach (var (name, count) in classes)
            {
                for (int i = 0; i < count; i++)
                {
                    Save(Path.Combine(root, part, name, $"{i:0000}.png"), 32, 32, (byte)i, SKEncodedImageFormat.Png);
                }
            }
        }

        return root;
    }

    private static void Save(string path, int width, int height, byte value, SKEncodedImageFormat format)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var rgb = new byte[width * height * 3];
        Array.Fill(rgb, value);
        File.WriteAllBytes(path, TestImages.Encode(rgb, width, height, format));
    }

    private static void AssertFails(TestDelegate load, params string[] parts)
    {
        var error = Assert.Throws<Cifar3DataException>(load);
        Assert.That(error!.Message, Does.Not.Contain("\n"));
        foreach (string part in parts)
        {
            Assert.That(error.Message, Does.Contain(part));
        }
    }
}
