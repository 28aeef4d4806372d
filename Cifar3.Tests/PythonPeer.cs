using System.ComponentModel;
using System.Diagnostics;
using Cifar3.Benchmarks;

namespace Cifar3.Tests;

/// <summary>Runs a Python script with the packages named by CIFAR3_PEERS: the original tools check what the library writes.</summary>
internal static class PythonPeer
{
    /// <summary>Runs a script and returns what it printed; fails the test, with the script's errors, when it fails. Skips the test where Python or the packages are absent.</summary>
    /// <param name="script">Python source.</param>
    /// <param name="arguments">What the script finds in <c>sys.argv[1:]</c>.</param>
    public static string Run(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo("python3") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("-");
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (variable, value) in PeerProcess.PythonEnvironment(TestFiles.Peers()))
        {
            start.Environment[variable] = value;
        }

        using var process = Start(start);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        try
        {
            process.StandardInput.Write(script);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // Python ended before it read the script; its exit code and errors say why.
        }

        // A script takes seconds; a machine with many other jobs may need minutes for the same.
        if (!process.WaitForExit(TimeSpan.FromMinutes(10)))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail("The Python script did not end within 10 minutes.");
        }

        Assert.That(process.ExitCode, Is.Zero, () => $"The Python script failed:\n{errors.Result}\n{output.Result}");
        return output.Result;
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            Assert.Ignore($"python3 cannot be started: {e.Message}.");
            throw;
        }
    }
}
