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
