namespace Cifar3.Training;

/// <summary>What a console program around this library needs: errors as one line, exit codes, and Ctrl-C in good order.</summary>
public static class ConsoleProgram
{
    /// <summary>The exit code where something failed: 1.</summary>
    public const int Failed = 1;

    /// <summary>The exit code after Ctrl-C: 130, as shells count it.</summary>
    public const int Interrupted = 130;

    /// <summary>Runs a program's work and turns what can go wrong into one line on the standard error.</summary>
    /// <remarks>
    /// The first Ctrl-C cancels the token, so that the work ends in good order (a training between two batches); a second one ends the
    /// program at once. What is no expected error (of this library, an argument, a file) is thrown on.
    /// </remarks>
    /// <param name="action">The work; it watches the token.</param>
    /// <returns>0, <see cref="Failed"/>, or <see cref="Interrupted"/>.</returns>
    public static int Run(Action<CancellationToken> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        return Run(cancel =>
        {
            action(cancel);
            return 0;
        });
    }

    /// <summary>The same for work that has an exit code of its own.</summary>
    /// <param name="action">The work; it watches the token and gives the exit code.</param>
    /// <returns>The work's exit code, <see cref="Failed"/>, or <see cref="Interrupted"/>.</returns>
    public static int Run(Func<CancellationToken, int> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        using var source = new CancellationTokenSource();
        ConsoleCancelEventHandler stop = (_, e) =>
        {
            e.Cancel = !source.IsCancellationRequested;
            source.Cancel();
        };
        Console.CancelKeyPress += stop;
        try
        {
            return action(source.Token);
        }
        catch (OperationCanceledException e)
        {
            Console.Error.WriteLine(e is StoppedException ? $"Stopped. {e.Message}" : "Stopped.");
            return Interrupted;
        }
        catch (Exception e) when (e is Cifar3Exception or ArgumentException or IOException or UnauthorizedAccessException)
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

/// <summary>Ctrl-C ended the work; the message says what is kept.</summary>
public sealed class StoppedException : OperationCanceledException
{
    /// <summary>Creates the exception without a message.</summary>
    public StoppedException()
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What is kept, in words.</param>
    public StoppedException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    /// <param name="message">What is kept, in words.</param>
    /// <param name="innerException">What was cancelled.</param>
    public StoppedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
