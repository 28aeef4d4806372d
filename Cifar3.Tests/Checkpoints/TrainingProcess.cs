using System.Diagnostics;
using System.Globalization;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>A small training on the managed engine in a process of its own: to be killed, or to compute with fewer instructions.</summary>
internal static class TrainingProcess
{
    /// <summary>What it trains on; its own process makes the same.</summary>
    public static ImageSet Images { get; } = ColourImages.Create(96);

    /// <summary>Its settings.</summary>
    public static TrainerOptions Options(string? workspace, int epochs) => new()
    {
        Recipe = Recipe.Keras,
        Epoch = epochs,
        BatchSize = 32,
        Filters = [8, 8, 8],
        Seed = 2,
        Engine = TrainingEngine.Managed,
        WorkspacePath = workspace,
        Resume = workspace is not null,
    };

    /// <summary>What the process does: trains, goes on where it can, and prints progress and the weights' hash.</summary>
    public static int Child(string workspace, int epochs) => ConsoleProgram.Run(cancel =>
    {
        var result = new Cifar3Trainer(Options(workspace, epochs) with { Callbacks = [new ProgressBar()] }).Fit(Images, Images, cancel);
        Console.WriteLine(result.Model.WeightHash());
    });

    /// <summary>Starts it.</summary>
    /// <param name="workspace">The workspace.</param>
    /// <param name="epochs">Number of epochs.</param>
    /// <param name="environment">What it finds in its environment, such as DOTNET_EnableAVX2 = 0.</param>
    public static Process Start(string workspace, int epochs, params ReadOnlySpan<(string Name, string Value)> environment)
    {
        string[] command = [DotnetCommand.Host, typeof(TrainingProcess).Assembly.Location, "train", workspace, epochs.ToString(CultureInfo.InvariantCulture)];
        command = OperatingSystem.IsLinux() ? ["env", "--default-signal=INT,TERM,HUP", .. command] : command; // a test run in the background ignores them, and children inherit that
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>Runs it to its end and gives what it printed.</summary>
    public static string Run(string workspace, int epochs, params ReadOnlySpan<(string Name, string Value)> environment)
    {
        using var process = Start(workspace, epochs, environment);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, output);
        return output;
    }

    /// <summary>Sends a signal.</summary>
    public static void Signal(this Process process, string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }
}
