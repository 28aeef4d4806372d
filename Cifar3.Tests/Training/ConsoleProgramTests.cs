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
}
