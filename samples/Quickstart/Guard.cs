using Cifar3;

namespace Quickstart;

/// <summary>Turns what can go wrong into one line and an exit code: 1 for an error, 130 for Ctrl-C.</summary>
internal static class Guard
{
    private const int Failed = 1, Interrupted = 130;

    public static int Run(Action<CancellationToken> action)
    {
        using var source = new CancellationTokenSource();
        ConsoleCancelEventHandler stop = (_, e) =>
        {
            e.Cancel = !source.IsCancellationRequested; // the first Ctrl-C ends the run in good order, a second one at once
            source.Cancel();
        };
        Console.CancelKeyPress += stop;
        try
        {
            action(source.Token);
            return 0;
        }
        catch (OperationCanceledException e)
        {
            Console.Error.WriteLine(e is StoppedException ? $"Stopped. {e.Message}" : "Stopped.");
            return Interrupted;
        }
        catch (Exception e) when (e is Cifar3Exception or ArgumentException)
        {
            Console.Error.WriteLine($"Error: {e.Message.ReplaceLineEndings(" ")}");
            return Failed;
        }
        finally
        {
            Console.CancelKeyPress -= stop;
        }
    }
}

/// <summary>Ctrl-C ended the run; the message says what is kept.</summary>
internal sealed class StoppedException(string message) : OperationCanceledException(message);
