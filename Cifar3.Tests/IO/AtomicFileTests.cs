namespace Cifar3.Tests;

public sealed class AtomicFileTests
{
    [Test]
    public void Write_NewFolder_CreatesFileAndLeavesNothingElse()
    {
        string folder = TestFiles.NewFolder(), path = Path.Combine(folder, "new", "a.bin");

        AtomicFile.Write(path, new byte[] { 1, 2, 3 });

        Assert.That(File.ReadAllBytes(path), Is.EqualTo(new byte[] { 1, 2, 3 }));
        Assert.That(Directory.GetFiles(Path.GetDirectoryName(path)!), Has.Length.EqualTo(1));
    }

    [Test]
    public void Write_FailureHalfway_KeepsTheOldFile()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "a.bin");
        File.WriteAllText(path, "old");

        var error = Assert.Throws<Cifar3Exception>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[10]);
            throw new IOException("No space left on device");
        }));

        Assert.That(error!.Message, Does.Contain(path).And.Contain("No space left").And.Contain("Free disk space"));
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
        Assert.That(Directory.GetFiles(Path.GetDirectoryName(path)!), Has.Length.EqualTo(1));
    }

    [Test]
    public void Write_FolderIsAFile_NamesTheFile()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "file");
        File.WriteAllText(file, "");

        Assert.That(() => AtomicFile.Write(Path.Combine(file, "a.bin"), new byte[1]), Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Cannot write"));
    }
}
