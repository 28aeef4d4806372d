using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Cifar3;

// Work that is over in some hundred microseconds, such as one image, in stages whose pieces a helper may take:
//   BeginStages;  RunStage, RunStage, …, each after the one before it;  EndStages
// The caller waits for no helper that has not come: it takes every piece that nobody has claimed, and waits for those that a helper has,
// because that helper writes into the caller's memory. A helper that comes late, or to nothing, finds no piece and touches nothing.
// A claim is one compare-exchange of (number of the stage, pieces left): stages' numbers never come again, so that a helper which slept
// since an earlier stage cannot take a piece of a later one without seeing that stage's work.
// One helper is woken, by BeginStages where none is awake. It looks for pieces while the run goes on, and for about 20 µs after it, since the
// next call of a loop follows at once; then it sleeps.
// Where the other processors are busy with something else, the system takes a helper's away in the middle of a piece, for milliseconds:
// StageSharing looks at what runs take, and leaves the caller alone where that is faster.
internal sealed partial class WorkerPool
{
    // Looks, about 40 ns each: for a piece after a run, and while one goes on (whose caller may be held up); at a piece that a helper has.
    private const int IdleLooks = 500, RunningLooks = 5_000, PieceLooks = 2_500;

    private const int CountBits = 8;

    private Action<int, int>? stageWork;
    private int stageNumber, unfinished, present;
    private long claims; // number of the stage << CountBits | pieces left
    private bool staged, invited; // under the gate: whether the last run is of stages, whether its helper has yet to come
    private bool stagesRun, callerSleeps, shares, heldUp;
    private long began;
    private readonly StageSharing sharing = new();

    /// <summary>Whether a helper is awake and looks for pieces: cutting work that nobody shares costs something.</summary>
    public bool IsAssisted => shares && Volatile.Read(ref present) > 0;

    /// <summary>Begins a run of stages. Wakes a helper, where none is awake; waits for none.</summary>
    public void BeginStages()
    {
        shares = spinRounds > 0 && Threads > 1 && sharing.Begin();
        (began, heldUp) = (Stopwatch.GetTimestamp(), false);
        if (!shares)
        {
            return;
        }

        Volatile.Write(ref stagesRun, true);
        if (IsAssisted)
        {
            return;
        }

        Start();
        lock (gate)
        {
            if (!invited)
            {
                (staged, invited) = (true, true);
                Interlocked.Increment(ref run);
                Monitor.Pulse(gate);
            }
        }
    }

    /// <summary>Calls action(stage, piece) for every piece 0 to count − 1, on this thread and a helper's; returns when all are done.</summary>
    /// <param name="stage">What the action is told.</param>
    /// <param name="count">Pieces, 1 to 255.</param>
    /// <param name="action">The work; a piece may run on any thread, two at once.</param>
    public void RunStage(int stage, int count, Action<int, int> action)
    {
        (stageWork, stageNumber, failure) = (action, stage, null);
        Volatile.Write(ref unfinished, count);
        Volatile.Write(ref claims, (((Volatile.Read(ref claims) >> CountBits) + 1) << CountBits) | (uint)count);
        while (TryClaim(out int piece))
        {
            RunPiece(piece);
        }

        AwaitPieces();
        stageWork = null;
        failure?.Throw();
    }

    /// <summary>Ends the run: the helper goes to sleep soon.</summary>
    public void EndStages()
    {
        Volatile.Write(ref stagesRun, false);
        sharing.End(shares, heldUp, Stopwatch.GetTimestamp() - began);
    }

    private void Assist(int seen)
    {
        lock (gate)
        {
            invited &= run != seen;
        }

        Interlocked.Increment(ref present);
        for (int looks = 0; looks < (Volatile.Read(ref stagesRun) ? RunningLooks : IdleLooks) && Volatile.Read(ref run) == seen; looks++)
        {
            if (TryClaim(out int piece))
            {
                RunPiece(piece);
                looks = 0;
            }
            else
            {
                Thread.SpinWait(1);
            }
        }

        Interlocked.Decrement(ref present);
    }

    private bool TryClaim(out int piece)
    {
        long seen = Volatile.Read(ref claims);
        for (int left; (left = (int)(seen & ((1 << CountBits) - 1))) > 0;)
        {
            long found = Interlocked.CompareExchange(ref claims, seen - 1, seen);
            if (found == seen)
            {
                piece = left - 1;
                return true;
            }

            seen = found;
        }

        piece = -1;
        return false;
    }

    // The claimed piece keeps its stage open: the fields are this stage's.
    private void RunPiece(int piece)
    {
        try
        {
            stageWork!(stageNumber, piece);
        }
#pragma warning disable CA1031 // whatever it is, it is thrown again on the caller's thread
        catch (Exception error)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(error), null);
        }

        if (Interlocked.Decrement(ref unfinished) == 0 && Volatile.Read(ref callerSleeps))
        {
            lock (gate)
            {
                Monitor.PulseAll(gate);
            }
        }
    }

    private void AwaitPieces()
    {
        for (int look = 0; look < PieceLooks && Volatile.Read(ref unfinished) > 0; look++)
        {
            Thread.SpinWait(1);
        }

        if (Volatile.Read(ref unfinished) == 0)
        {
            return;
        }

        heldUp = true;

        // Either the helper sees that the caller sleeps, or the caller sees that it is done.
        Volatile.Write(ref callerSleeps, true);
        Interlocked.MemoryBarrier();
        UninterruptedWait.For(this, static pool =>
        {
            lock (pool.gate)
            {
                while (Volatile.Read(ref pool.unfinished) > 0)
                {
                    Monitor.Wait(pool.gate);
                }
            }
        });
        Volatile.Write(ref callerSleeps, false);
    }
}
