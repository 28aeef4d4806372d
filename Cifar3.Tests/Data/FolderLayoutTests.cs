using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>Folders as people have them: layouts, links, names, and what lies between the pictures.</summary>
public sealed class FolderLayoutTests
{
    [TestCase("train", "test")]
    [TestCase("Train", "TEST")]
    [TestCase("training", "testing")]
    [TestCase("TRAINING", "test")]
    public void Load_SplitFolders_AreFoundUnderTheirUsualNames(string train, string test)
    {
        string root = PictureFolders.Write(($"{train}/cat", 3), ($"{train}/dog", 2), ($"{test}/cat", 1), ($"{test}/dog", 2));

        var data = Cifar3Data.Load(root);

        Assert.That(PictureFolders.Counts(data.Train), Is.EqualTo("cat 3, dog 2"));
        Assert.That(PictureFolders.Counts(data.Test), Is.EqualTo("cat 1, dog 2"));
        Assert.That(data.Validation, Is.Null);
        Assert.That(data.Skipped, Is.Empty);
    }

    /// <summary>Published sets put a word beside the part's name, and pack a part in a folder of its own name once more.</summary>
    [TestCase("training_set", "test_set")]
    [TestCase("seg_train/seg_train", "seg_test/seg_test")]
    [TestCase("train", "Test-Images")]
    [TestCase("traindata", "valdata")]
    [TestCase("train/train", "test/test")]
    public void Load_SplitFoldersWithAWordBesideTheName_AreParts(string train, string test)
    {
        string root = PictureFolders.Write(($"{train}/cat", 3), ($"{train}/dog", 2), ($"{test}/cat", 1), ($"{test}/dog", 2), ("seg_pred", 2));

        var data = Cifar3Data.Load(root);

        Assert.That(PictureFolders.Counts(data.Train), Is.EqualTo("cat 3, dog 2"));
        Assert.That(PictureFolders.Counts(data.Test), Is.EqualTo("cat 1, dog 2"));
        Assert.That(data.Skipped.Select(s => s.Reason), Is.EqualTo(new[] { SkipReason.OtherFolder }));
    }

    /// <summary>Toys may be called so; far more often the pictures are not yet in folders of their classes, and a model would learn to tell the one part from the other.</summary>
    [Test]
    public void Load_PicturesInFoldersThatSoundLikeParts_AreClassesWhereNamed()
    {
        string root = PictureFolders.Write(("train_set", 6), ("test_set", 6));

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("there is no class folder in 'train_set'").And.Message.Contains("or name the classes in DataOptions.Classes"));
        Assert.That(Cifar3Data.Load(root, new DataOptions { Classes = ["train_set", "test_set"] }).ClassNames, Is.EqualTo(new[] { "train_set", "test_set" }));
        Assert.That(Cifar3Data.Load(PictureFolders.Write(("train_set", 6), ("robot", 6))).ClassNames, Is.EqualTo(new[] { "robot", "train_set" }), "nothing to test on: a toy");
        foreach (string alone in new[] { "train set", "test set" })
        {
            Assert.That(Cifar3Data.Load(PictureFolders.Write(($"{alone}/2024", 3), ("plane/2024", 3))).ClassNames, Is.EqualTo(new[] { "plane", alone }), "one part without another is none");
        }
    }

    [Test]
    public void Load_LongerNamedTestFolderOfPicturesWithoutClasses_SaysThatTheyCannotTest()
    {
        string root = PictureFolders.Write(("train_set/cat", 3), ("train_set/dog", 3), ("test_set", 4));

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("there is no class folder in 'test_set'. Its pictures have no classes"));
    }

    [Test]
    public void Load_TestFolderOfPicturesWithoutClasses_SaysThatTheyCannotTest()
    {
        string root = PictureFolders.Write(("train/cat", 3), ("train/dog", 3), ("test", 4));

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("Its pictures have no classes, so no model can be tested on them: move 'test' elsewhere"));
    }

    /// <summary>Pictures to learn from are not to be moved away, but into folders of their classes.</summary>
    [Test]
    public void Load_TrainFolderOfPicturesWithoutClasses_IsNotToBeMoved()
    {
        string root = PictureFolders.Write(("train", 4), ("test/cat", 2), ("test/dog", 2));

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("there is no class folder in 'train'. Expected train/<class>/*").And.Message.Not.Contains("elsewhere"));
    }

    [TestCase("pictures.zip", "Unpack it")]
    [TestCase("labels.csv", "LoadFromTextFile")]
    public void Load_OtherFileInPlaceOfAFolder_IsNoDamagedArchive(string name, string remedy)
    {
        string file = Path.Combine(PictureFolders.Write(("cat", 1)), name);
        File.WriteAllText(file, "PK, or file,label");

        Assert.That(() => Cifar3Data.Load(file), Throws.TypeOf<Cifar3DataException>().With.Message.Contains($"'{file}' is a").And.Message.Contains(remedy));
    }

    [TestCase("val")]
    [TestCase("Valid")]
    [TestCase("validation")]
    public void Load_ValidationFolderBesideTheOthers_IsTheValidationSet(string name)
    {
        string root = PictureFolders.Write(("train/cat", 3), ("train/dog", 3), ("test/cat", 1), ("test/dog", 1), ($"{name}/cat", 2), ($"{name}/dog", 1));

        var data = Cifar3Data.Load(root);

        Assert.That(PictureFolders.Counts(data.Validation!), Is.EqualTo("cat 2, dog 1"));
        Assert.That(data.ToString(), Does.StartWith("6 training, 3 validation and 2 test images"));
    }

    [Test]
    public void Load_ValidationFolderWithoutTest_IsTheTestSetAndSaysSo()
    {
        string root = PictureFolders.Write(("training/cat", 3), ("training/dog", 3), ("validation/cat", 1), ("validation/dog", 1));

        var data = Cifar3Data.Load(root);

        Assert.That(PictureFolders.Counts(data.Test), Is.EqualTo("cat 1, dog 1"));
        Assert.That(data.Validation, Is.Null);
        Assert.That(data.Source, Does.Contain("'validation' is the test set"));

        var split = Cifar3Data.Load(root, new DataOptions { TestFraction = 0.3 });

        Assert.That((split.Train.Count, split.Validation!.Count, split.Test.Count), Is.EqualTo((4, 2, 2)));
    }

    [Test]
    public void Load_TestFractionBesideATestFolder_IsSaidToBeUnused()
    {
        string root = PictureFolders.Write(("train/cat", 3), ("train/dog", 3), ("Test/cat", 1), ("Test/dog", 1));

        var data = Cifar3Data.Load(root, new DataOptions { TestFraction = 0.3 });

        Assert.That(data.Source, Does.Contain(", 'Test' is the test set: the test fraction is not used"));
        Assert.That(Cifar3Data.Load(root).Source, Does.Not.Contain("fraction"));
        var error = Assert.Throws<Cifar3DataException>(() => Cifar3Data.Load(root, new DataOptions { TestFraction = 1.5 }))!;
        Assert.That(error.Message, Does.Contain("DataOptions.TestFraction must be above 0 and below 1. Received: 1.5."));
    }

    [TestCase("", TestName = "Load_OneFolderOfClasses_IsSplitByTheSeedAndSaysSo")]
    [TestCase("train/", TestName = "Load_TrainAlone_IsSplitByTheSeedAndSaysSo")]
    [TestCase("dataset/", TestName = "Load_OneFolderDeeper_IsFound")]
    [TestCase("download/my set/train/", TestName = "Load_SeveralFoldersDeeper_IsFound")]
    public void Load_Classes(string below)
    {
        string root = PictureFolders.Write(($"{below}cat", 10), ($"{below}dog", 20));

        var data = Cifar3Data.Load(root);

        Assert.That(PictureFolders.Counts(data.Train), Is.EqualTo("cat 8, dog 16"));
        Assert.That(PictureFolders.Counts(data.Test), Is.EqualTo("cat 2, dog 4"));
        Assert.That(data.Source, Does.Contain("20 % of each class set aside for testing (seed 0)"));
        Assert.That(Cifar3Data.Load(root).Test.Pixels.SequenceEqual(data.Test.Pixels), Is.True);
    }

    [Test]
    public void Load_WholeSetOneFolderDeeper_IsFound()
    {
        string root = PictureFolders.Write(("screws-v2/Train/cat", 2), ("screws-v2/Train/dog", 2), ("screws-v2/Test/cat", 1), ("screws-v2/Test/dog", 1), ("__MACOSX/screws-v2/Train/cat", 1));

        var data = Cifar3Data.Load(root);

        Assert.That((data.Train.Count, data.Test.Count), Is.EqualTo((4, 2)));
        Assert.That(data.Skipped.Single().Reason, Is.EqualTo(SkipReason.SystemFile));
    }

    [TestCase("test/cat,test/dog", "a folder 'test' but none named train")]
    [TestCase("train/cat,train/dog,Training/cat,Training/dog", "mean the same")]
    [TestCase("cat/train,cat/test,dog/train,dog/test", "folder 'cat' has a folder 'test'")]
    [TestCase("a/train/cat,a/train/dog,b/train/cat,b/train/dog", "folder 'a' has a folder 'train'")]
    [TestCase(".", "there is no class folder")]
    [TestCase("train,test", "there is no class folder in 'train'")]
    public void Load_MeaningIsOpen_ShowsTheTree(string folders, string cause)
    {
        string root = PictureFolders.Write([.. folders.Split(',').Select(folder => (folder, 2))]);

        var error = Assert.Throws<Cifar3DataException>(() => Cifar3Data.Load(root));

        Assert.That(error!.Message, Does.Contain(cause).And.Contain("Found: ").And.Not.Contain("\n"));
    }

    [Test]
    public void Tree_ManyFiles_CountsThemAll()
    {
        string folder = TestFiles.NewFolder();
        for (int i = 0; i < 10_001; i++)
        {
            File.WriteAllBytes(Path.Combine(folder, $"{i:D5}.txt"), []);
        }

        Assert.That(FolderLayout.Tree(folder), Is.EqualTo("10001 files such as 00000.txt"));
    }

    [Test]
    public void Load_PartAmongTheClasses_IsNoClassUnlessNamed()
    {
        string root = PictureFolders.Write(("train/cat", 2), ("train/dog", 2), ("train/test", 2), ("test/cat", 2), ("test/dog", 2), ("test/test", 2));

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("a folder 'test' among its classes"));
        Assert.That(Cifar3Data.Load(root, new DataOptions { Classes = ["cat", "test"] }).ClassNames, Is.EqualTo(new[] { "cat", "test" }));
    }

    [Test]
    public void Load_PicturesAnyNumberOfFoldersDeep_AreFound()
    {
        string deep = string.Join('/', Enumerable.Range(1, 60).Select(i => $"f{i}"));
        string root = PictureFolders.Write(("train/cat", 2), ($"train/cat/{deep}", 3), ("train/dog", 2), ("test/cat", 1), ("test/dog", 1));

        Assert.That(PictureFolders.Counts(Cifar3Data.Load(root).Train), Is.EqualTo("cat 5, dog 2"));
    }

    [Test]
    public void Load_WhatIsLeftOut_IsCountedAndSaid()
    {
        string root = PictureFolders.Write(("train/cat", 2), ("train/dog", 2), ("test/cat", 1), ("test/dog", 1), ("unlabelled", 3), ("train/cat/@eaDir", 1), ("train", 4));
        foreach (string file in new[] { "train/cat/notes.txt", "train/dog/scan.tiff", "train/dog/IMG_1.HEIC", "train/labels.csv", "train/cat/.DS_Store", "train/dog/Thumbs.db", "train/cat/README" })
        {
            File.WriteAllText(Path.Combine(root, file), "no picture");
        }

        File.WriteAllBytes(Path.Combine(root, "train/cat/picture without ending"), PictureFolders.Picture(9));

        var data = Cifar3Data.Load(root);

        Assert.That(PictureFolders.Counts(data.Train), Is.EqualTo("cat 3, dog 2"));
        Assert.That(
            data.Skipped.Select(s => (s.Reason, s.Count)),
            Is.EqualTo(new[] { (SkipReason.LoosePicture, 4), (SkipReason.OtherFile, 3), (SkipReason.SystemFile, 3), (SkipReason.OtherFolder, 1), (SkipReason.OtherFormat, 2) }));
        Assert.That(data.Skipped[0].Examples[0], Is.EqualTo(Path.Combine(root, "train", "0000.png")));
        Assert.That(data.Source, Does.Contain("; left out: 4 pictures in no class folder, 3 files that are no pictures, 3 hidden or left behind by the system, 1 folder that is neither training nor test, 2 pictures of formats that are not read (.heic, .tiff; save them as JPEG or PNG)"));
    }

    /// <summary>A folder straight from a phone: the error says why there is nothing.</summary>
    [Test]
    public void Load_ClassOfHeicPicturesAlone_SaysThatTheFormatIsNotRead()
    {
        string root = PictureFolders.Write(("cat", 3));
        Directory.CreateDirectory($"{root}/dog");
        File.WriteAllText($"{root}/dog/IMG_0001.heic", "a phone's picture");

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("1 picture of a format that is not read (.heic; save them as JPEG or PNG)"));
    }

    [TestCase(".", TestName = "Load_LinkToItsOwnFolder_AddsNothing")]
    [TestCase("..", TestName = "Load_LinkToItsParent_AddsNothing")]
    [TestCase("../..", TestName = "Load_LinkToTheWholeSet_AddsNothing")]
    [TestCase("../dog/more", TestName = "Load_LinkIntoAnotherClass_AddsNothing")]
    public void Load_Link(string target)
    {
        string root = PictureFolders.Write(("train/cat", 5), ("train/dog", 2), ("train/dog/more", 3), ("test/cat", 1), ("test/dog", 1));
        TestFiles.Link($"{root}/train/cat/a", target);
        TestFiles.Link($"{root}/train/cat/b", target);

        var data = Cifar3Data.Load(root);

        Assert.That(PictureFolders.Counts(data.Train), Is.EqualTo("cat 5, dog 5"));
        Assert.That(data.Skipped.Single(), Has.Property("Reason").EqualTo(SkipReason.RepeatedFolder).And.Property("Count").EqualTo(2));
    }

    [Test]
    [CancelAfter(20_000)]
    public void Load_TwelveLinksInACircle_EndsAtOnce()
    {
        string root = PictureFolders.Write(("train/cat", 4), ("train/dog", 1), ("test/cat", 1), ("test/dog", 1));
        for (int i = 0; i < 12; i++)
        {
            TestFiles.Link($"{root}/train/cat/link{i}", i % 2 == 0 ? "." : "..");
        }

        Assert.That(PictureFolders.Counts(Cifar3Data.Load(root).Train), Is.EqualTo("cat 4, dog 1"));
    }

    [Test]
    public void Load_LinkedPicturesAndClasses_AreRead()
    {
        string root = PictureFolders.Write(("train/cat", 2), ("train/dog", 2), ("test/cat", 1), ("test/dog", 1), ("test/owl", 1)), elsewhere = PictureFolders.Write(("owls", 3), ("more cats", 2));
        TestFiles.Link($"{root}/train/owl", Path.Combine(elsewhere, "owls"));
        TestFiles.Link($"{root}/train/cat/more", Path.Combine(elsewhere, "more cats"));
        TestFiles.Link($"{root}/train/dog/linked.png", Path.Combine(elsewhere, "owls", "0000.png"));

        Assert.That(PictureFolders.Counts(Cifar3Data.Load(root).Train), Is.EqualTo("cat 4, dog 3, owl 3"));
    }

    [Test]
    public void Load_SameFolderAsTwoClasses_IsRefused()
    {
        string root = PictureFolders.Write(("train/cat", 2), ("test/cat", 1));
        TestFiles.Link($"{root}/train/kitty", "cat");
        TestFiles.Link($"{root}/test/kitty", "cat");

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("'cat' and 'kitty' are the same folder"));
    }

    [Test]
    public void Load_TestImagesThatAreTrainingImagesToo_AreCounted()
    {
        string root = PictureFolders.Write(("train/cat", 3), ("train/dog", 3));
        PictureFolders.Add($"{root}/test/cat", 3, from: 100);
        PictureFolders.Add($"{root}/test/dog", 3, from: 100);
        string source = Cifar3Data.Load(root).Source;
        File.Copy(Directory.GetFiles($"{root}/train/cat")[0], $"{root}/test/cat/copy.png");

        var data = Cifar3Data.Load(root);

        Assert.That(source, Does.Not.Contain("training image"));
        Assert.That(data.Source, Is.EqualTo($"{source}; 1 of the 7 test images is a training image too, on which accuracy says little"));
    }

    [Test]
    public void Load_TestLinkedToTrain_SaysThatTheImagesAreTheSame()
    {
        string root = PictureFolders.Write(("train/cat", 2), ("train/dog", 2));
        TestFiles.Link($"{root}/test", "train");

        var data = Cifar3Data.Load(root);

        Assert.That(data.Test.Count, Is.EqualTo(4));
        Assert.That(data.Source, Does.Contain("the same images train and test"));
    }

    [Test]
    public void Load_BrokenLink_SaysWhereItLeads()
    {
        string root = PictureFolders.Write(("train/cat", 2), ("train/dog", 2), ("test/cat", 1), ("test/dog", 1));
        TestFiles.Link($"{root}/train/cat/gone.png", "/nowhere/x.png");

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("it is a link to '/nowhere/x.png', which does not exist"));
        Assert.That(Cifar3Data.Load(root, new DataOptions { OnBadImage = OnBadImage.Skip }).Train.Count, Is.EqualTo(4));
    }

    [Test]
    public void Load_NamesInTwoUnicodeForms_AreTheSameClass()
    {
        string composed = "Übung", decomposed = "U\u0308bung";
        string root = PictureFolders.Write(($"train/{decomposed}", 2), ("train/dog", 1), ($"test/{composed}", 4), ("test/dog", 1)); // in the order of their folders dog is the test set's first
        Assume.That(Directory.Exists(Path.Combine(root, "train", composed)), Is.False, "This file system takes both forms for one name.");

        var data = Cifar3Data.Load(root);

        Assert.That(data.ClassNames, Is.EqualTo(new[] { composed, "dog" }), "Keras' order: that of the folders as they are on disk");
        Assert.That(PictureFolders.Counts(data.Test), Is.EqualTo($"{composed} 4, dog 1"));
        Assert.That(Cifar3Data.Load(root, new DataOptions { Classes = [decomposed, "dog"] }).Train.Count, Is.EqualTo(3));
        Assert.That(new Prediction(data.ClassNames, [0.25f, 0.75f])[decomposed], Is.EqualTo(0.25f));
    }

    [Test]
    public void Load_OneNameInTwoForms_IsRefused()
    {
        string composed = "Übung", decomposed = "U\u0308bung";
        string root = PictureFolders.Write(($"train/{decomposed}", 2), ($"train/{composed}", 2), ("test/dog", 1));
        Assume.That(Directory.GetDirectories(Path.Combine(root, "train")), Has.Length.EqualTo(2), "This file system takes both forms for one name.");

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("there twice").And.Message.Contains("Unicode"));
        Assert.That(() => new ImageSet([], [], [composed, decomposed]), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("there twice"));
        Assert.That(() => new ImageSet([], [], ["a", "a"]), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("there twice"));
    }

    [TestCase("Cat", "cat", "upper and lower case")]
    [TestCase("cat ", "cat", "blanks")]
    public void Load_NamesThatAlmostAgree_AreShownInQuotes(string train, string test, string hint)
    {
        Assume.That(OperatingSystem.IsWindows() && train.EndsWith(' '), Is.False, "Windows allows no such names.");
        string root = PictureFolders.Write(($"train/{train}", 1), ("train/dog", 1), ($"test/{test}", 1), ("test/dog", 1));

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3DataException>().With.Message.Contains($"only in train: '{train}'; only in test: '{test}'").And.Message.Contains(hint));
    }

    [Test]
    public void Load_BadPictures_AreThrownSkippedOrCollected()
    {
        string root = PictureFolders.Write(("train/cat", 3), ("train/dog", 3), ("test/cat", 2), ("test/dog", 2));
        File.WriteAllText($"{root}/train/cat/0001.png", "no picture");
        File.WriteAllBytes($"{root}/test/dog/0000.png", PictureFolders.Picture(0)[..60]);
        var options = new DataOptions { OnBadImage = OnBadImage.Collect };

        var skipped = Cifar3Data.Load(root, options with { OnBadImage = OnBadImage.Skip });
        var collected = Cifar3Data.Load(root, options);
        var streamed = new MLContext().Data.LoadCifar3FromFolder(root, options);

        Assert.That(() => Cifar3Data.Load(root), Throws.TypeOf<Cifar3ImageException>());
        Assert.That((skipped.Train.Count, skipped.Test.Count, skipped.BadImages.Length), Is.EqualTo((5, 3, 0)));
        Assert.That(skipped.Skipped.Single(), Has.Property("Reason").EqualTo(SkipReason.BadImage).And.Property("Count").EqualTo(2));
        Assert.That(PictureFolders.Counts(collected.Train), Is.EqualTo("cat 2, dog 3"));
        Assert.That(Enumerable.Range(0, 2).Select(i => (int)collected.Train.Image(i)[0]), Is.EqualTo(new[] { 0, 2 }), "the sound ones keep their order");
        Assert.That(collected.BadImages.Select(b => Path.GetFileName(Path.GetDirectoryName(b.Path))), Is.EqualTo(new[] { "cat", "dog" }));
        Assert.That(collected.BadImages[0].Message, Does.Contain("a text file of 10 bytes"));
        Assert.That((streamed.TrainSet.GetRowCount(), streamed.TestSet.GetRowCount(), streamed.BadImages.Length), Is.EqualTo((5L, 3L, 2)));
    }

    [Test]
    public void Load_NoSoundPictureInAClass_SaysSo()
    {
        string root = PictureFolders.Write(("train/cat", 1), ("train/dog", 1), ("test/cat", 1), ("test/dog", 1));
        File.WriteAllText($"{root}/train/cat/0000.png", "no picture");

        Assert.That(() => Cifar3Data.Load(root, new DataOptions { OnBadImage = OnBadImage.Skip }), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("None of the files of class 'cat'"));
    }

}
