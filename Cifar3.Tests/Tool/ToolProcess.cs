using System.Diagnostics;
using System.Globalization;

namespace Cifar3.Tests;

/// <summary>The command <c>cifar3</c> in a process of its own, in an empty folder.</summary>
internal static class ToolProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3); // a machine may be busy; a quiet one needs seconds

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

    /// <summary>Runs it as where a native library is missing: from a folder of links to all that it needs but that.</summary>
    /// <param name="native">A part of the library's file name.</param>
    /// <param name="arguments">Its arguments.</param>
    public static (int ExitCode, string Output, string Error) RunWithout(string native, params string[] arguments)
    {
        string folder = TestFiles.NewFolder(), libraries = Path.Combine("runtimes", System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier, "native");
        Directory.CreateDirectory(Path.Combine(folder, libraries));
        foreach (string path in Directory.EnumerateFiles(AppContext.BaseDirectory, "*.dll").Concat(Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, libraries)).Where(path => !Path.GetFileName(path).Contains(native, StringComparison.OrdinalIgnoreCase))))
        {
            TestFiles.Link(Path.Combine(folder, Path.GetRelativePath(AppContext.BaseDirectory, path)), path);
        }

        File.Delete(Path.Combine(folder, "cifar3-tool.dll"));
        foreach (string path in Directory.EnumerateFiles(AppContext.BaseDirectory, "cifar3-tool.*")) // where these lie, .NET looks for the others
        {
            File.Copy(path, Path.Combine(folder, Path.GetFileName(path)));
        }

        return DotnetCommand.RunApart(folder, [Path.Combine(folder, "cifar3-tool.dll"), .. arguments]);
    }

    /// <summary>Starts it with a user's reaction to signals.</summary>
    /// <param name="redirection">Where bash sends the standard output, such as <c>&gt;/dev/full</c>; null = here.</param>
    /// <param name="folder">Where it runs.</param>
    /// <param name="arguments">Its arguments.</param>
    public static Process Start(string? redirection, string folder, params string[] arguments)
    {
        Assume.That(OperatingSystem.IsWindows(), Is.False, "needs bash and signals");
        string[] command = [.. OperatingSystem.IsLinux() ? ["env", "--default-signal=INT,TERM,HUP"] : Array.Empty<string>(), DotnetCommand.Host, Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll"), .. arguments]; // a test run in the background ignores Ctrl-C
        command = redirection is null ? command : ["bash", "-c", $"exec \"$@\" {redirection}", "bash", .. command];
        return Process.Start(new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
    }

    /// <summary>Runs it as a user whom permissions bind, whoever runs the tests.</summary>
    public static (int ExitCode, string Output, string Error) RunUnprivileged(params string[] arguments)
    {
        Assume.That(OperatingSystem.IsLinux() && (!Environment.IsPrivilegedProcess || File.Exists("/usr/bin/setpriv")), "needs Linux' permissions, and setpriv where root runs the tests");
        string[] user = Environment.IsPrivilegedProcess ? ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
        string[] command = [.. user, DotnetCommand.Host, Path.Combine(AppContext.BaseDirectory, "cifar3-tool.dll"), .. arguments];
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = "/", RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result.Trim());
    }

    /// <summary>Starts it and sends Ctrl-C as soon as something holds.</summary>
    public static (int ExitCode, string Error) Interrupt(Func<bool> when, params string[] arguments)
    {
        using var process = Start(">/dev/null", TestFiles.NewFolder(), arguments);
        var error = process.StandardError.ReadToEndAsync();
        var clock = Stopwatch.StartNew();
        while (!when() && !process.HasExited && clock.Elapsed < Patience)
        {
            Thread.Sleep(2);
        }

        using var kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
        Assert.That(process.WaitForExit(Patience), "does not end");
        return (process.ExitCode, error.Result);
    }
}
