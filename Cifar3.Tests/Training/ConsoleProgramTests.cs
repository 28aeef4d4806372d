using Cifar3.Training;

namespace Cifar3.Tests;

[NonParallelizable]
public sealed class ConsoleProgramTests
{
    /// <summary>Such as for a second copy of the images, where a container has room for one.</summary>
    [Test]
    public void Run_MemoryRunsOut_IsOneLine()
    {
        var (console, error) = (Console.Error, new StringWriter());
        Console.SetError(error);
        int code;
        try
        {
            code = ConsoleProgram.Run(new Action<CancellationToken>(_ => throw new OutOfMemoryException()));
        }
        finally
        {
            Console.SetError(console);
        }

        Assert.That((code, error.ToString().Trim()), Is.EqualTo((ConsoleProgram.Failed, "Error: Memory ran out. Free memory, or raise this process's limit (its container's, or DOTNET_GCHeapHardLimit), or take fewer images.")));
    }

    /// <summary>The first signal is a wish, the second ends work that does not heed it.</summary>
    [Test]
    [CancelAfter(120_000)]
    public void Run_SecondSignal_EndsTheProgram()
    {
        Assume.That(OperatingSystem.IsLinux(), "Signals are sent by kill.");
        using var process = ChildProgram.Start(["stubborn"], []);
        Assert.That(process.StandardOutput.ReadLine(), Is.EqualTo("working"));

        process.Signal("TERM");
        Assert.That(process.StandardOutput.ReadLine(), Is.EqualTo("asked to stop"));
        Assert.That(process.HasExited, Is.False);
        process.Signal("TERM");

        Assert.That(process.WaitForExit(TimeSpan.FromSeconds(30)), "the second signal ends it");
        Assert.That(process.ExitCode, Is.EqualTo(ConsoleProgram.Terminated));
    }

    /// <summary>What a process does that says when it is asked to stop, and goes on.</summary>
    public static int StayInChild() => ConsoleProgram.Run(cancel =>
    {
        using var asked = cancel.Register(() => Console.WriteLine("asked to stop"));
        Console.WriteLine("working");
        Thread.Sleep(TimeSpan.FromMinutes(1));
    });
}
