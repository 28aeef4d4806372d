using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>
/// The engine's own threads: runs numbered pieces of work on the calling thread and its helpers, and returns when all are done.
/// Allocates nothing once started.
/// </summary>
/// <remarks>
/// Helpers spin for a moment after a run, because the next one usually follows within microseconds, and then sleep. They hold no
/// reference to the engine between runs, so an engine that nobody disposed can still be collected. A run waits for every helper, which
/// pays from a millisecond on; shorter work goes in stages (<c>WorkerPool.Stages.cs</c>). One thread at a time uses the pool.
/// </remarks>
internal sealed partial class WorkerPool : IDisposable
{
    /// <summary>Most threads that may be asked for: beyond what any machine has, each only takes memory.</summary>
    public const int MaxThreads = 1024;

    private const int SpinRounds = 40, PassSpinRounds = 1_000; // about 3 µs each

    private readonly object gate = new();
    private readonly Action<Thread> start;
    private readonly int spinRounds;
    private WaitPatience patience; // the caller's
    private Action<int, int>? work;
    private ExceptionDispatchInfo? failure;
    private int helpers, pieces, nextPiece, busyHelpers, run;
    private bool started, stopped;

    /// <summary>Creates the pool; threads start with the first run.</summary>
    /// <param name="threads">Number of threads, the caller included; at least 1.</param>
    /// <param name="passes">
    /// Whether runs are the passes of something long, such as a step of training: who is done first then looks for the next pass for milliseconds, as
    /// long as the others may take, because to sleep and to be woken costs more (2 % of a step on two threads), unless that is in vain
    /// (<see cref="WaitPatience"/>). Default: false.
    /// </param>
    /// <param name="start">Starts a thread; null = its own way. Default: null.</param>
    public WorkerPool(int threads, bool passes = false, Action<Thread>? start = null)
    {
        Threads = threads;
        this.start = start ?? (static thread => thread.Start());
        spinRounds = threads > Environment.ProcessorCount ? 0 : passes ? PassSpinRounds : SpinRounds;
        patience = new WaitPatience(spinRounds, SpinRounds);
    }

    /// <summary>Number of threads, the caller included.</summary>
    public int Threads { get; }

    /// <summary>Calls work(piece, worker) for every piece 0 to count − 1; worker is 0 to Threads − 1 and never runs two pieces at once.</summary>
    public void Run(int count, Action<int, int> action)
    {
        if (Threads == 1 || count == 1)
        {
            for (int piece = 0; piece < count; piece++)
            {
                action(piece, 0);
            }

            return;
        }

        Start();
        (work, pieces, failure) = (action, count, null);
        Volatile.Write(ref nextPiece, 0);
        Volatile.Write(ref busyHelpers, helpers);
        lock (gate)
        {
            (staged, invited) = (false, false);
            Interlocked.Increment(ref run);
            Monitor.PulseAll(gate);
        }

        TakePieces(0);
        AwaitHelpers();
        work = null;
        failure?.Throw();
    }

    /// <summary>Ends the helpers.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            stopped = true;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Starts the helpers, once. Where the system allows no more threads (a container's number of processes, ulimit -u), those that there are do all the work.</summary>
    private void Start()
    {
        if (started)
        {
            return;
        }

        started = true;
        try
        {
            for (; helpers < Threads - 1; helpers++)
            {
                int worker = helpers + 1;
                start(new Thread(() => Help(worker)) { IsBackground = true, Name = $"Cifar3 worker {worker}" });
            }
        }
        catch (OutOfMemoryException)
        {
            // what .NET calls a thread that the system does not give
        }
    }

    private void Help(int worker)
    {
        bool isStaged = false;
        var mine = new WaitPatience(spinRounds, SpinRounds);
        for (int seen = 0; AwaitRun(ref seen, ref isStaged, ref mine);)
        {
            if (isStaged)
            {
                Assist(seen);
                continue;
            }

            TakePieces(worker);
            if (Interlocked.Decrement(ref busyHelpers) == 0)
            {
                lock (gate)
                {
                    Monitor.PulseAll(gate);
                }
            }
        }
    }

    private void TakePieces(int worker)
    {
        var action = work!;
        try
        {
            for (int piece; (piece = Interlocked.Increment(ref nextPiece) - 1) < pieces;)
            {
                action(piece, worker);
            }
        }
#pragma warning disable CA1031 // whatever it is, it is thrown again on the caller's thread
        catch (Exception error)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(error), null);
        }
    }

    // Whoever comes from stages has looked for more long enough.
    private bool AwaitRun(ref int seen, ref bool isStaged, ref WaitPatience mine)
    {
        if (!isStaged)
        {
            for (int round = 0; round < mine.Rounds && Volatile.Read(ref run) == seen; round++)
            {
                Thread.SpinWait(100);
            }

            mine.End(found: Volatile.Read(ref run) != seen);
        }

        lock (gate)
        {
            while (run == seen && !stopped)
            {
                Monitor.Wait(gate);
            }

            (seen, isStaged) = (run, staged);
            return !stopped;
        }
    }

    private void AwaitHelpers()
    {
        for (int round = 0; round < patience.Rounds && Volatile.Read(ref busyHelpers) > 0; round++)
        {
            Thread.SpinWait(100);
        }

        patience.End(found: Volatile.Read(ref busyHelpers) == 0);

        // Helpers still write into the caller's memory: an interrupted caller must not leave either.
        UninterruptedWait.For(this, static pool =>
        {
            lock (pool.gate)
            {
                while (Volatile.Read(ref pool.busyHelpers) > 0)
                {
                    Monitor.Wait(pool.gate);
                }
            }
        });
    }
}
