using Cifar3.Training;

namespace Cifar3.Tests;

[NonParallelizable]
public sealed class ConsoleProgramTests
{
    /// <summary>Memory, such as for a second copy of the images, where a container has room for one; the name of a method's parameter is nothing to who typed a command.</summary>
    [TestCaseSource(nameof(Errors))]
    public void Run_Error_IsOneLine(Exception thrown, string line)
    {
        var (console, error) = (Console.Error, new StringWriter());
        Console.SetError(error);
        int code;
        try
        {
            code = ConsoleProgram.Run(new Action<CancellationToken>(_ => throw thrown));
        }
        finally
        {
            Console.SetError(console);
        }

        Assert.That((code, error.ToString().Trim()), Is.EqualTo((ConsoleProgram.Failed, line)));
    }

    private static TestCaseData[] Errors { get; } =
    [
        new TestCaseData(new OutOfMemoryException(), "Error: Memory ran out. Free memory, or raise this process's limit (its container's, or DOTNET_GCHeapHardLimit), or take fewer images.").SetArgDisplayNames("memory"),
        new TestCaseData(new ArgumentException("There is no recipe 'nope'.\nKnown: keras.", "name"), "Error: There is no recipe 'nope'. Known: keras.").SetArgDisplayNames("argument"),
    ];

    /// <summary>An async lambda was taken for one without a result: the program ended at its first await, with exit code 0 and its work undone.</summary>
    [Test]
    public void Run_AsynchronousWork_IsWaitedFor()
    {
        bool done = false;

        int code = ConsoleProgram.Run(async cancel =>
        {
            await Task.Delay(50, cancel);
            done = true;
        });
        int own = ConsoleProgram.Run(async cancel =>
        {
            await Task.Delay(1, cancel);
            return 7;
        });

        Assert.That((code, done, own), Is.EqualTo((0, true, 7)));
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
