using System.Runtime.Versioning;

namespace Cifar3.Tests;

/// <summary>Folders that the user of <c>cifar3</c> may not list or write to.</summary>
[Platform("Linux"), UnsupportedOSPlatform("windows")]
public sealed class ToolPermissionTests
{
    private const UnixFileMode Everybody = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    [Test]
    public void TrainAndEvaluate_FolderBelowAClassThatCannotBeListed_EndsThemOrIsNamedAndLeftOut()
    {
        string data = PictureFolders.Write(("car", 12), ("bird", 12), ("bird/closed", 1)), closed = Path.Combine(data, "bird", "closed"), run = TestFiles.NewFolder();
        File.SetUnixFileMode(run, Everybody);
        File.SetUnixFileMode(closed, UnixFileMode.None);
        string[] train = ["train", data, "--out", run, "--epochs", "1", "--engine", "Managed"], evaluate = ["evaluate", "default", data];
        try
        {
            var refused = ToolProcess.RunUnprivileged(train);
            var trained = ToolProcess.RunUnprivileged([.. train, "--skip-bad"]);
            var evaluated = ToolProcess.RunUnprivileged([.. evaluate, "--skip-bad"]);

            Assert.That((refused.ExitCode, refused.Error), Is.EqualTo((1, $"Error: Cannot read '{closed}': Access to the path '{closed}' is denied. Check the path and its permissions. --skip-bad leaves out what cannot be read.")));
            Assert.That(trained.ExitCode, Is.Zero, trained.Error);
            Assert.That(trained.Error, Does.Contain($"Cannot read '{closed}': Access to the path '{closed}' is denied."));
            Assert.That(trained.Output, Does.Contain("left out: 1 folder that cannot be read"));
            Assert.That(evaluated.ExitCode, Is.Zero, evaluated.Error);
            Assert.That(evaluated.Error, Does.Contain($"Cannot read '{closed}': "));
        }
        finally
        {
            File.SetUnixFileMode(closed, Everybody);
        }
    }

    [Test]
    public void Train_IntoAFolderThatCannotBeWrittenTo_NamesIt()
    {
        string run = TestFiles.NewFolder();
        File.SetUnixFileMode(run, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);

        var (exitCode, _, error) = ToolProcess.RunUnprivileged("train", PictureFolders.Write(("car", 12), ("bird", 12)), "--out", run, "--epochs", "1", "--engine", "Managed");

        Assert.That((exitCode, error), Is.EqualTo((1, $"Error: Cannot write '{run}': Access to the path '{run}' is denied. Choose a folder that you may write to, or change its permissions.")));
    }

    [Test]
    public void Export_IntoAFolderThatCannotBeWrittenTo_NamesTheFile()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        File.SetUnixFileMode(Path.GetDirectoryName(file)!, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);

        var (exitCode, _, error) = ToolProcess.RunUnprivileged("export", "default", "--out", file);

        Assert.That((exitCode, error), Is.EqualTo((1, $"Error: Cannot write '{file}': Access to the path '{file}' is denied. No file was written. Choose a folder that you may write to, or change its permissions.")));
    }

    /// <summary>A drop box: files may be put in and nobody may look.</summary>
    [Test]
    public void Export_IntoAFolderThatCanBeWrittenToButNotListed_Writes()
    {
        const UnixFileMode Drop = UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        string file = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        File.SetUnixFileMode(Path.GetDirectoryName(file)!, Drop);
        try
        {
            var (exitCode, _, error) = ToolProcess.RunUnprivileged("export", "default", "--out", file);

            Assert.That((exitCode, error), Is.EqualTo((0, "")));
        }
        finally
        {
            File.SetUnixFileMode(Path.GetDirectoryName(file)!, Everybody);
        }
    }
}
