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
        Assume.That(OperatingSystem.IsLinux(), "Notices are kept back on Linux only.");
        var (told, onError) = Load(logLevel: "0");
        Assume.That(onError, Does.Contain("oneDNN"), "TensorFlow, asked to tell everything, does not tell of oneDNN: it is built without.");

        var (kept, leftOnError) = Load(logLevel: "2");

        Assert.That(told, Is.Empty);
        Assert.That(kept, Does.Contain("oneDNN"));
        Assert.That(leftOnError, Is.Empty);

        static (string Notices, string Errors) Load(string logLevel)
        {
            using var process = ChildProgram.Start(["tensorflow", "notices"], [("TF_CPP_MIN_LOG_LEVEL", logLevel), ("TF_ENABLE_ONEDNN_OPTS", "1")]);
            var errors = process.StandardError.ReadToEndAsync();
            string notices = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (notices, errors.Result);
        }
    }

    /// <summary>What <see cref="ChildProgram"/> does for it.</summary>
    internal static int TellNoticesInChild()
    {
        foreach (string notice in TensorFlowLibrary.Load().Notices)
        {
            Console.WriteLine(notice);
        }

        return 0;
    }
}
