namespace Cifar3.Tests;

/// <summary>A training of two epochs by the command <c>cifar3</c>, made once for the tests that use what it leaves, and the command beside it.</summary>
internal static class TrainedTool
{
    /// <summary>The pictures' folder, the run's folder, and what was printed.</summary>
    public static readonly Lazy<(string Data, string Run, string Output)> Trained = new(Train);

    /// <summary>Runs it; it must succeed. Gives what it printed on either stream.</summary>
    public static string Must(params string[] arguments)
    {
        var (exitCode, output) = Run(arguments);
        Assert.That(exitCode, Is.Zero, output);
        return output;
    }

    /// <summary>Runs it; gives the exit code and what it printed on either stream.</summary>
    public static (int ExitCode, string Output) Run(params string[] arguments) =>
        DotnetCommand.Run(TestFiles.NewFolder(), [Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll"), .. arguments]);

    private static (string Data, string Run, string Output) Train()
    {
        string data = QuickstartProcess.CreateImageFolders(trainImages: 40), run = Path.Combine(TestFiles.NewFolder(), "run");
        return (data, run, Must("train", data, "--out", run, "--epochs", "2", "--seed", "1", "--engine", "Managed"));
    }
}
