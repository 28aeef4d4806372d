using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class LoadedLibraryTests : TensorFlowTestBase
{
    [Test]
    public void Load_SamePathAgain_IsTheSameLibraryAndAnotherIsRefused()
    {
        var library = TensorFlowLibrary.Load();

        Assert.That(TensorFlowLibrary.Load(library.Path), Is.SameAs(library));
        Assert.That(() => TensorFlowLibrary.Load("/another/libtensorflow.so"), Throws.TypeOf<TensorFlowException>().With.Message.Contains(library.Path).And.Message.Contains("only one"));
    }

    /// <summary>An empty path, as a configuration gives it, is none; links lead to the file that is loaded.</summary>
    [Test]
    public void Load_EmptyPathOrALinkToIt_IsTheSameLibrary()
    {
        var library = TensorFlowLibrary.Load();
        string link = Path.Combine(TestFiles.NewFolder(), "tensorflow");
        Directory.CreateSymbolicLink(link, Path.GetDirectoryName(library.Path)!);

        Assert.That(TensorFlowLibrary.Load(link), Is.SameAs(library));
        Assert.That(TensorFlowLibrary.Load(Path.Combine(link, Path.GetFileName(library.Path))), Is.SameAs(library));
        Assert.That(TensorFlowLibrary.Load(""), Is.SameAs(library));
    }

    /// <summary>What the system's loader found by name alone has a path that no candidate of an empty one has.</summary>
    [Test]
    public void Load_EmptyPathAfterTheSystemsLoader_IsTheSameLibrary()
    {
        string folder = Path.GetDirectoryName(TensorFlowLibrary.Load().Path)!;

        string[] lines = ChildProgram.Run(["tensorflow"], [(TensorFlowLibrarySearch.Variable, ""), ("LD_LIBRARY_PATH", folder)]);

        Assert.That(lines, Is.EqualTo(new[] { "the same" }));
    }

    /// <summary>What <see cref="ChildProgram"/> does for it.</summary>
    internal static int LoadTwiceInChild()
    {
        Console.WriteLine(ReferenceEquals(TensorFlowLibrary.Load(), TensorFlowLibrary.Load("")) ? "the same" : "another");
        return 0;
    }

    /// <summary>oneDNN prints its notice during the load, whatever the log level: it must be found here, not on the standard error.</summary>
    [Test]
    public void Notices_LibraryWithOneDnn_AreKeptBack()
    {
        Assume.That(OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable("TF_CPP_MIN_LOG_LEVEL") != "0", "Notices are kept back on Linux only, and not when TensorFlow was asked to tell everything.");
        var notices = TensorFlowEngine.GetInfo(Options).Notices;

        Assert.That(notices, Has.All.Match("^(I|W|WARNING|2)"));
        TestContext.Out.WriteLine(string.Join('\n', notices));
    }
}
