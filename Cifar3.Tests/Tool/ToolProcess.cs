namespace Cifar3.Tests;

/// <summary>The command <c>cifar3</c> in a process of its own, in an empty folder.</summary>
internal static class ToolProcess
{
    /// <summary>Runs it; gives the exit code and what it printed.</summary>
    public static (int ExitCode, string Output, string Error) Run(params string[] arguments) => RunIn(TestFiles.NewFolder(), arguments);

    /// <summary>Runs it in a folder.</summary>
    public static (int ExitCode, string Output, string Error) RunIn(string folder, params string[] arguments) =>
        DotnetCommand.RunApart(folder, [Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll"), .. arguments]);

    /// <summary>Runs it; it must succeed.</summary>
    public static (string Output, string Error) Must(params string[] arguments)
    {
        var (exitCode, output, error) = Run(arguments);
        Assert.That(exitCode, Is.Zero, output + error);
        return (output, error);
    }

    /// <summary>Runs it; it must end with the exit code 1 and one line on the standard error, which is given.</summary>
    public static string MustFail(params string[] arguments)
    {
        var (exitCode, output, error) = Run(arguments);
        Assert.That(exitCode, Is.EqualTo(1), output + error);
        Assert.That(error.Trim().Split('\n'), Has.Length.EqualTo(1), error);
        return error.Trim();
    }
}
