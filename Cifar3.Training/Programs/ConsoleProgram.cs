using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>What a console program around this library needs: errors as one line, exit codes, Ctrl-C and signals in good order, a console that may be closed or full.</summary>
/// <example><code>
/// return ConsoleProgram.Run(cancel => new Cifar3Trainer(options).Fit(train, validation, cancel).BestModel.SaveOnnx("model.onnx"));
/// </code></example>
public static class ConsoleProgram
{
    /// <summary>The exit code where something failed: 1.</summary>
    public const int Failed = 1;

    /// <summary>The exit code after Ctrl-C: 130, as shells count it.</summary>
    public const int Interrupted = 130;

    /// <summary>The exit code after SIGTERM, which service managers, containers and batch systems send: 143.</summary>
    public const int Terminated = 143;

    /// <summary>The exit code after SIGHUP, which a closed terminal or a lost connection sends: 129.</summary>
    public const int HungUp = 129;

    private const PosixSignal FileTooLarge = (PosixSignal)25; // SIGXFSZ, which has no name in .NET, by the number that it has on Linux and macOS

    private const int MaxMessage = 10_000; // messages are as short as they should be: here what would command a terminal is escaped

    private static readonly TimeSpan WindowsGrace = TimeSpan.FromSeconds(4); // of the five that Windows gives a program whose window is closed

    // With it a write fails and says which file it was, where the process ended without a word. For good: .NET takes up a signal some time after the write has failed, and would then find nobody.
    private static PosixSignalRegistration? fileTooLarge;

    /// <summary>Runs a program's work and turns what can go wrong into one line on the standard error.</summary>
    /// <remarks>
    /// The first Ctrl-C, SIGTERM or SIGHUP cancels the token, so that the work ends in good order (a training between two batches); a second one ends the
    /// program at once. SIGHUP stays ignored where the program was started so (nohup). What is no expected error (of this library, an argument, a file, memory) is
    /// thrown on. Text that the console does not take (closed, or redirected to a full disk or to a pipe that nobody reads any more) ends no work: it is left out, and the exit code of work
    /// that went well is then <see cref="Failed"/>, with a line that says so. A file beyond the user's limit (<c>ulimit -f</c>) is an error of its write, not the end of the process. Text is written as UTF-8, whatever the locale or the window's code page says; a window of Windows gets its own back at the end.
    /// </remarks>
    /// <param name="action">The work; it watches the token.</param>
    /// <returns>0, <see cref="Failed"/>, <see cref="Interrupted"/>, <see cref="Terminated"/> or <see cref="HungUp"/>.</returns>
    public static int Run(Action<CancellationToken> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        return Run(cancel =>
        {
            action(cancel);
            return 0;
        });
    }

    /// <summary>The same for asynchronous work, of which it waits for the end.</summary>
    /// <param name="action">The work; it watches the token.</param>
    /// <returns>0, <see cref="Failed"/>, <see cref="Interrupted"/>, <see cref="Terminated"/> or <see cref="HungUp"/>.</returns>
    public static int Run(Func<CancellationToken, Task> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        return Run(cancel => action(cancel).GetAwaiter().GetResult());
    }

    /// <summary>The same for asynchronous work that has an exit code of its own.</summary>
    /// <param name="action">The work; it watches the token and gives the exit code.</param>
    /// <returns>The work's exit code, <see cref="Failed"/>, <see cref="Interrupted"/>, <see cref="Terminated"/> or <see cref="HungUp"/>.</returns>
    public static int Run(Func<CancellationToken, Task<int>> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        return Run(cancel => action(cancel).GetAwaiter().GetResult());
    }

    /// <summary>The same for work that has an exit code of its own.</summary>
    /// <param name="action">The work; it watches the token and gives the exit code.</param>
    /// <returns>The work's exit code, <see cref="Failed"/>, <see cref="Interrupted"/>, <see cref="Terminated"/> or <see cref="HungUp"/>.</returns>
    public static int Run(Func<CancellationToken, int> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        using var output = ForgivingConsole.Use();
        using var ended = new ManualResetEventSlim();
        using var source = new CancellationTokenSource();
        int stopCode = Interrupted;
        ConsoleCancelEventHandler pressed = (_, e) => e.Cancel = Stop(Interrupted);
        Console.CancelKeyPress += pressed;
        using var term = Register(PosixSignal.SIGTERM, Terminated);
        using var hangUp = Register(PosixSignal.SIGHUP, HungUp);
        fileTooLarge ??= OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(FileTooLarge, context => context.Cancel = true);
        try
        {
            int code = action(source.Token);
            return code == 0 && output.Problem is { } problem ? Say($"Error: The program's output could not be written: {problem}. What it wrote to files is there.", Failed) : code;
        }
        catch (OperationCanceledException e)
        {
            return Say(e is StoppedException ? $"Stopped. {e.Message}" : "Stopped.", stopCode);
        }
        catch (Exception e) when (e is Cifar3Exception or ArgumentException or IOException or UnauthorizedAccessException)
        {
            return Say($"Error: {Shown.Text(ConsoleText.Message(e).ReplaceLineEndings(" "), MaxMessage)}", Failed);
        }
        catch (OutOfMemoryException)
        {
            return Say($"Error: Memory ran out. {MemoryFault.Remedy}, or take fewer images.", Failed);
        }
        finally
        {
            ended.Set();
            Console.CancelKeyPress -= pressed;
        }

        // True for the first one, which is taken as a wish; the second has its usual effect.
        bool Stop(int code)
        {
            try
            {
                if (source.IsCancellationRequested)
                {
                    return false;
                }

                stopCode = code;
                source.Cancel();
                return true;
            }
            catch (ObjectDisposedException)
            {
                return false; // the work has just ended
            }
        }

        PosixSignalRegistration Register(PosixSignal signal, int code) => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = Stop(code);
            if (OperatingSystem.IsWindows() && context.Cancel)
            {
                ended.Wait(WindowsGrace); // the process ends when this returns
            }
        });

        static int Say(string line, int code)
        {
            Console.Error.WriteLine(line);
            return code;
        }
    }
}

/// <summary>Ctrl-C or a signal ended the work; the message says what is kept.</summary>
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
