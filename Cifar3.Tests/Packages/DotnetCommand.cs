using System.Diagnostics;

namespace Cifar3.Tests;

/// <summary>Runs the SDK's <c>dotnet</c> as a user would, apart from the build that runs these tests.</summary>
internal static class DotnetCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4); // a machine may be busy; a quiet one needs seconds

    /// <summary>The <c>dotnet</c> that runs these tests, or the path's.</summary>
    public static string Host { get; } = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host ? host : "dotnet";

    /// <summary>Runs a command and gives its exit code and all that it printed.</summary>
    /// <param name="folder">Where it runs.</param>
    /// <param name="arguments">What follows <c>dotnet</c>.</param>
    public static (int ExitCode, string Output) Run(string folder, params string[] arguments)
    {
        var (exitCode, output, error) = RunApart(folder, arguments);
        return (exitCode, output + error);
    }

    /// <summary>Runs a command and gives its exit code, and what it printed on either stream.</summary>
    public static (int ExitCode, string Output, string Error) RunApart(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(Host, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string inherited in start.Environment.Keys.Where(key => key.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase) || key.StartsWith("VSTEST", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(inherited); // they belong to the build and the test run that this process is part of
        }

        start.Environment["MSBUILDDISABLENODEREUSE"] = "1"; // leaves no process behind
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["UseSharedCompilation"] = "false";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        start.Environment["NuGetAudit"] = "false"; // asks the network
        start.Environment.Remove("CI"); // a user's machine
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"dotnet {string.Join(' ', arguments)} did not end within {Patience}.");
        }

        return (process.ExitCode, output.Result, error.Result);
    }

    /// <summary>Runs a command that must succeed.</summary>
    public static string Must(string folder, params string[] arguments)
    {
        var (exitCode, output) = Run(folder, arguments);
        Assert.That(exitCode, Is.Zero, $"dotnet {string.Join(' ', arguments)}\n{output}");
        return output;
    }
}
