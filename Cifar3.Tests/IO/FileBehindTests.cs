namespace Cifar3.Tests;

/// <summary>Where links lead: as the system goes, not as their text reads.</summary>
public sealed class FileBehindTests
{
    [Test]
    public void Place_LinkUpwardsInAFolderBehindALink_IsWhereTheSystemGoes()
    {
        var (path, shared) = TestFiles.SharedBehindLinks("a.bin");
        Assert.That(FileBehind.Of(path), Is.Null);

        File.WriteAllBytes(shared, [1, 2, 3]);

        Assert.That(FileBehind.Place(path), Is.EqualTo(shared));
        Assert.That((FileBehind.Of(path)!.Length, FileBehind.Of(path)!.FullName), Is.EqualTo((3, shared)));
    }

    [Test]
    public void Place_NoLink_IsThePathInFull()
    {
        string folder = TestFiles.NewFolder();

        Assert.That(FileBehind.Place(Path.Combine(folder, "x", "..", "none.bin")), Is.EqualTo(Path.Combine(folder, "none.bin")));
        Assert.That(FileBehind.Place(Path.GetPathRoot(folder)!), Is.EqualTo(Path.GetPathRoot(folder)));
    }

    [Test]
    public void Place_LinkInFull_IsFollowed()
    {
        string folder = TestFiles.NewFolder(), file = Path.Combine(folder, "file");
        File.WriteAllBytes(file, [1]);
        TestFiles.Link(Path.Combine(folder, "second"), file);
        TestFiles.Link(Path.Combine(folder, "first"), "./second");

        Assert.That(FileBehind.Place(Path.Combine(folder, "first")), Is.EqualTo(file));
    }

    [Test]
    public void Place_LinkToItself_IsAnError()
    {
        string link = Path.Combine(TestFiles.NewFolder(), "l");
        TestFiles.Link(link, "l");

        Assert.That(() => FileBehind.Place(link), Throws.TypeOf<IOException>().With.Message.EqualTo($"links in '{link}' lead round in a circle"));
    }

    /// <summary>As Hugging Face's cache has a model's files, here with the snapshot behind a link of its own: the weights were refused as those of another folder.</summary>
    [Test]
    public void LoadOnnx_WeightsBehindLinksInAFolderBehindALink_AreRead()
    {
        var model = TestModels.Random(filters: [4, 4, 8]);
        var (path, shared) = TestFiles.SharedBehindLinks("own.onnx");
        string weights = Path.Combine(Path.GetDirectoryName(shared)!, "own.onnx.data");
        File.WriteAllBytes(shared, OtherToolsModelTests.External(model.ToOnnxBytes(), weights, "own.onnx.data"));
        TestFiles.Link(Path.Combine(Path.GetDirectoryName(path)!, "own.onnx.data"), Path.Combine("..", "..", "shared", "own.onnx.data"));

        Assert.That(CnnModel.LoadOnnx(path).WeightHash(), Is.EqualTo(model.WeightHash()));
    }
}
