using System.Runtime.InteropServices;
using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class TensorFlowLibraryTests
{
    [Test]
    public void Candidates_NothingNamed_AreTheAppsFilesThenTheSystems()
    {
        var candidates = TensorFlowLibrarySearch.Candidates(null, "", "/app", string.Join(Path.PathSeparator, "/packages/a", "/app/"));

        string native = Path.GetFullPath(Path.Combine("/app", "runtimes", TensorFlowLibrarySearch.RuntimeIdentifier, "native"));
        string[] folders = [.. candidates.Where(c => !c.IsBareName).Select(c => Path.GetDirectoryName(c.Path)!).Distinct()];
        Assert.That(folders, Is.EqualTo(new[] { native, Path.GetFullPath("/app"), Path.GetFullPath("/packages/a") }));
        Assert.That(candidates.Where(c => c.IsBareName).Select(c => c.Path), Is.EqualTo(TensorFlowLibrarySearch.FileNames));
        Assert.That(candidates[^1].IsBareName, "the system's loader comes last");
    }

    [Test]
    public void Candidates_FileNamed_IsTheOnlyOneAndTheOptionComesBeforeTheVariable()
    {
        Assert.That(TensorFlowLibrarySearch.Candidates(null, "/x/libtensorflow.so", "/app", null).Select(c => c.Path), Is.EqualTo(new[] { Path.GetFullPath("/x/libtensorflow.so") }));
        Assert.That(TensorFlowLibrarySearch.Candidates("/y/tf.so", "/x/libtensorflow.so", "/app", null).Select(c => (c.Path, c.Origin)), Is.EqualTo(new[] { (Path.GetFullPath("/y/tf.so"), "TensorFlowOptions.LibraryPath") }));
    }

    [Test]
    public void Candidates_FolderNamed_AreItsFilesAndThoseOfItsLibFolder()
    {
        string folder = TestFiles.NewFolder();

        var candidates = TensorFlowLibrarySearch.Candidates(null, folder, "/app", null);

        Assert.That(candidates.Select(c => c.Path), Is.EqualTo(TensorFlowLibrarySearch.FileNames.Select(n => Path.Combine(folder, n)).Concat(TensorFlowLibrarySearch.FileNames.Select(n => Path.Combine(folder, "lib", n)))));
        Assert.That(candidates, Is.All.Matches<LibraryCandidate>(c => c.Origin == "CIFAR3_TENSORFLOW"));
    }

    [Test]
    public void Load_NothingThere_NamesEveryPlaceAndThePackages()
    {
        string folder = TestFiles.NewFolder(), broken = Path.Combine(folder, "broken.so");
        File.WriteAllText(broken, "this is no library");

        var error = Assert.Throws<TensorFlowException>(() => TensorFlowLibrary.Load(
        [
            new LibraryCandidate("CIFAR3_TENSORFLOW", Path.Combine(folder, "missing.so")),
            new LibraryCandidate("the app's files", broken),
            new LibraryCandidate("the system's loader", "libnosuchlibrary.so"),
        ]));

        Assert.That(error!.Message, Does.Contain("missing.so (CIFAR3_TENSORFLOW): no such file"));
        Assert.That(error.Message, Does.Contain($"{broken} (the app's files): "));
        Assert.That(error.Message, Does.Contain("libnosuchlibrary.so (the system's loader): "));
        Assert.That(error.Message, Does.Contain("SciSharp.TensorFlow.Redist (CPU)").And.Contain("SciSharp.TensorFlow.Redist-Windows-GPU").And.Contain("SciSharp.TensorFlow.Redist-Linux-GPU"));
        Assert.That(error.Message, Does.Contain("2.10").And.Contain(TensorFlowLibrarySearch.RuntimeIdentifier));
    }

    [Test]
    public void Load_AnotherLibrary_SaysThatItIsNoTensorFlow()
    {
        string other = Directory.GetFiles(RuntimeEnvironment.GetRuntimeDirectory(), "*System.Native.*").First(); // a library that is there wherever .NET is

        var error = Assert.Throws<TensorFlowException>(() => TensorFlowLibrary.Load([new LibraryCandidate("CIFAR3_TENSORFLOW", other)]));

        Assert.That(error!.Message, Does.Contain("no function TF_Version").Or.Contain("invalid").IgnoreCase);
    }

    [Test]
    public void During_NativeOutput_KeepsTensorFlowsLinesAndPassesOnTheRest()
    {
        Assume.That(OperatingSystem.IsLinux(), "Standard error is kept back on Linux only.");
        var error = Console.Error;
        using var passedOn = new StringWriter();
        Console.SetError(passedOn);
        try
        {
            var notices = StandardErrorCapture.During(() =>
            {
                using var stderr = new FileStream(new Microsoft.Win32.SafeHandles.SafeFileHandle(2, ownsHandle: false), FileAccess.Write);
                stderr.Write("I0000 00:00:1795385057.115340   13983 port.cc:153] oneDNN custom operations are on.\nthe app's own line\n2026-01-31 12:00:00.123456: W tensorflow/x.cc:1] y\n"u8);
            });

            Assert.That(notices, Has.Count.EqualTo(2));
            Assert.That(notices[0], Does.Contain("oneDNN"));
            Assert.That(passedOn.ToString().Trim(), Is.EqualTo("the app's own line"));
        }
        finally
        {
            Console.SetError(error);
        }
    }
}
