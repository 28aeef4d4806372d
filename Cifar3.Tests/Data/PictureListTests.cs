using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>Pictures of a folder that are to be predicted: found as those of a class are.</summary>
public sealed class PictureListTests
{
    [Test]
    public void ListPictures_LinksHiddenFilesAndOtherEndings_FindsEachPictureOnce()
    {
        string root = PictureFolders.Write(("a", 1), ("a/deep", 1), (".hidden", 1), ("b", 1));
        File.WriteAllBytes(Path.Combine(root, "a", "c.jfif"), PictureFolders.Picture(1));
        File.WriteAllBytes(Path.Combine(root, "a", ".hidden.png"), PictureFolders.Picture(1));
        File.WriteAllText(Path.Combine(root, "a", "notes.txt"), "no picture");
        TestFiles.Link(Path.Combine(root, "a", "deep", "loop"), root);
        TestFiles.Link(Path.Combine(root, "again"), Path.Combine(root, "b"));

        var pictures = Cifar3Data.ListPictures(root);

        Assert.That(pictures.Select(file => Path.GetRelativePath(root, file).Replace('\\', '/')), Is.EqualTo(new[] { "a/0000.png", "a/c.jfif", "a/deep/0000.png", "b/0000.png" }));
    }

    [Test]
    public void ListPictures_RelativeFolder_GivesPathsAsItWasGiven()
    {
        string folder = Path.GetRelativePath(Environment.CurrentDirectory, PictureFolders.Write(("a", 1)));

        Assert.That(Cifar3Data.ListPictures(folder), Is.EqualTo(new[] { Path.Combine(folder, "a", "0000.png") }));
    }

    [Test]
    public void ListPictures_WhatIsNoFolder_IsItself() =>
        Assert.That(Cifar3Data.ListPictures("nowhere.dat"), Is.EqualTo(new[] { "nowhere.dat" }));

    [Test]
    public void ListPictures_NoPictures_SaysWhatWasFound()
    {
        string root = TestFiles.NewFolder();
        File.WriteAllText(Path.Combine(root, "notes.txt"), "no picture");
        File.WriteAllText(Path.Combine(root, ".hidden.png"), "hidden");

        Assert.That(() => Cifar3Data.ListPictures(root), Throws.TypeOf<Cifar3DataException>().With.Message.EqualTo(
            $"Folder '{root}' has no picture; left out: 1 file that is no picture, 1 hidden or left behind by the system. Name another folder, or the pictures themselves."));
    }

    [Test]
    public void ListPictures_FolderThatCannotBeRead_IsNamedAndTheOthersAreListed()
    {
        Assume.That(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, Is.False, "Windows has other permissions, and root reads all folders.");
        string root = PictureFolders.Write(("a", 1), ("closed", 1)), closed = Path.Combine(root, "closed");
        var problems = new List<string>();
        PictureFolders.SetMode(closed, UnixFileMode.None);
        try
        {
            Assert.That(Cifar3Data.ListPictures(root, problems.Add), Is.EqualTo(new[] { Path.Combine(root, "a", "0000.png") }));
            Assert.That(problems, Has.One.Contains($"Cannot read '{closed}'"));
            Assert.That(() => Cifar3Data.ListPictures(root), Throws.TypeOf<Cifar3DataException>().With.Message.Contains($"Cannot read '{closed}'"));
            Assert.That(() => Cifar3Data.ListPictures(closed, problems.Add), Throws.TypeOf<Cifar3DataException>().With.Message.Contains($"Cannot read '{closed}'"));
        }
        finally
        {
            PictureFolders.SetMode(closed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>A folder's \ would stand behind digits and capitals: another split and another model than elsewhere, of the same pictures.</summary>
    [Test]
    public void Compare_PathsOfEverySystem_HaveOneOrder([Values('/', '\\')] char separator)
    {
        string[] expected = ["a/set1 b.png", "a/set1/0.png", "a/set1/9.png", "a/set10/0.png", "a/setA.png", "a/seta.png", "a/seta.png2"];
        string[] paths = [.. expected.Select(path => path.Replace('/', separator)).Reverse()];

        Array.Sort(paths, (a, b) => FolderWalker.Compare(a, b, separator));

        Assert.That(paths.Select(path => path.Replace(separator, '/')), Is.EqualTo(expected));
        Assert.That(paths.SequenceEqual(paths.Order(StringComparer.Ordinal)), Is.EqualTo(separator == '/'), "Windows' own order is another");
    }

    [Test]
    [Platform("Win")]
    public void ListPictures_HiddenByWindowsAttribute_AreLeftOut()
    {
        string root = PictureFolders.Write(("a", 1), ("b", 1), ("hidden", 1)), cover = Path.Combine(root, "a", "AlbumArtSmall.jpg");
        File.WriteAllBytes(cover, PictureFolders.Picture(1));
        File.SetAttributes(cover, FileAttributes.Hidden);
        new DirectoryInfo(Path.Combine(root, "hidden")).Attributes |= FileAttributes.Hidden;

        Assert.That(Cifar3Data.ListPictures(root), Is.EqualTo(new[] { Path.Combine(root, "a", "0000.png"), Path.Combine(root, "b", "0000.png") }));
    }

    /// <summary>Looking through folders may take minutes too: it ends at once, whatever is found there.</summary>
    [Test]
    public void Load_CancelledWhileFoldersAreLookedThrough_Stops()
    {
        var options = new DataOptions { CancellationToken = new CancellationToken(canceled: true) };
        string root = PictureFolders.Write(("train/a", 1), ("train/b", 1), ("test/a", 1), ("test/b", 1)), empty = PictureFolders.Write(("train/a", 1), ("train/b", 0));

        Assert.That(() => new MLContext().Data.LoadCifar3FromFolder(root, options), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => Cifar3Data.Load(empty, options), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => DataLocator.ReadForEvaluation(empty, options with { Classes = ["a", "b"] }), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => PictureList.At(root, null, new SkipCounter(), options.CancellationToken), Throws.InstanceOf<OperationCanceledException>());
    }
}
