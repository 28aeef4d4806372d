using System.Diagnostics;

namespace Cifar3.Tests;

/// <summary>Stages: every piece once, none of another stage, no waiting for a helper that has not come, none that lets go of one that has.</summary>
internal sealed class WorkerPoolStagesTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(4)]
    public void RunStage_ManyRuns_DoesEachPieceOfEachStageOnceAndInOrder(int threads)
    {
        const int stages = 7, pieces = 3;
        using var pool = new WorkerPool(threads);
        int[] done = new int[stages * pieces];
        int current = 0, misplaced = 0;
        Action<int, int> work = (stage, piece) =>
        {
            misplaced += stage == Volatile.Read(ref current) ? 0 : 1;
            Interlocked.Increment(ref done[stage * pieces + piece]);
        };

        for (int run = 0; run < 2000; run++)
        {
            pool.BeginStages();
            for (int stage = 0; stage < stages; stage++)
            {
                Volatile.Write(ref current, stage);
                pool.RunStage(stage, pieces, work);
                Assert.That(done.Skip(stage * pieces).Take(pieces), Is.All.EqualTo(run + 1), $"run {run}, stage {stage}");
            }

            pool.EndStages();
            if (run % 100 == 0)
            {
                Thread.Sleep(1); // helpers fall asleep
            }
        }

        Assert.That(misplaced, Is.Zero);
    }

    [Test]
    public void RunStage_BetweenRuns_BothDoAll()
    {
        using var pool = new WorkerPool(3);
        int staged = 0, run = 0;
        for (int i = 0; i < 500; i++)
        {
            pool.BeginStages();
            pool.RunStage(0, 2, (_, _) => Interlocked.Increment(ref staged));
            pool.EndStages();
            pool.Run(5, (_, _) => Interlocked.Increment(ref run));
        }

        Assert.That((staged, run), Is.EqualTo((1000, 2500)));
    }

    [Test]
    public void RunStage_NoHelperComes_DoesNotWait()
    {
        using var pool = new WorkerPool(2); // BeginStages was not called: nobody comes
        int caller = Environment.CurrentManagedThreadId, elsewhere = 0, done = 0;

        pool.RunStage(0, 2, (_, _) => { done++; elsewhere += Environment.CurrentManagedThreadId == caller ? 0 : 1; });

        Assert.That((done, elsewhere), Is.EqualTo((2, 0)));
    }

    [Test]
    public void RunStage_HelperComes_SharesAndTheCallerAwaitsItThroughAnInterrupt()
    {
        Assume.That(Environment.ProcessorCount, Is.GreaterThan(1), "one processor: no helper is called");
        using var pool = new WorkerPool(2);
        int shared = 0, finished = 0;
        bool interrupted = false;
        var caller = new Thread(() =>
        {
            for (var clock = Stopwatch.StartNew(); shared == 0 && clock.Elapsed < TimeSpan.FromSeconds(20);)
            {
                pool.BeginStages();
                int own = Environment.CurrentManagedThreadId;
                pool.RunStage(0, 2, (_, _) =>
                {
                    if (Environment.CurrentManagedThreadId != own)
                    {
                        shared++;
                        Thread.Sleep(50);
                        finished++;
                    }
                    else
                    {
                        Thread.SpinWait(200_000); // some milliseconds: time for the helper to wake
                        Thread.CurrentThread.Interrupt();
                    }
                });
                Assert.That(finished, Is.EqualTo(shared), "returned while the helper was working");
                pool.EndStages();
                try
                {
                    Thread.Sleep(1);
                }
                catch (ThreadInterruptedException)
                {
                    interrupted = true;
                }
            }
        });
        caller.Start();
        caller.Join();

        Assert.That(shared, Is.GreaterThan(0), "no helper came in 20 seconds");
        Assert.That((finished, interrupted), Is.EqualTo((shared, true)));
    }

    /// <summary>A helper that the system takes away in the middle of a piece, as beside other programs: of 44 runs that it might share it is asked for a few.</summary>
    [Test]
    public void RunStage_HelperIsHeldUpEachTime_MostRunsAreTheCallersAlone()
    {
        Assume.That(Environment.ProcessorCount, Is.GreaterThan(1), "one processor: no helper is called");
        using var pool = new WorkerPool(2);
        int caller = Environment.CurrentManagedThreadId, elsewhere = 0, runs = 0;

        for (var clock = Stopwatch.StartNew(); runs < 60 || elsewhere == 0 && clock.Elapsed < TimeSpan.FromSeconds(20); runs++)
        {
            pool.BeginStages();
            pool.RunStage(0, 2, (_, _) =>
            {
                if (Environment.CurrentManagedThreadId == caller)
                {
                    Thread.SpinWait(200_000); // some milliseconds: time for the helper to wake
                    return;
                }

                elsewhere++;
                Thread.Sleep(50);
            });
            pool.EndStages();
        }

        TestContext.Out.WriteLine($"{elsewhere} of {runs} runs had a helper");
        Assert.That(elsewhere, Is.InRange(1, 15));
    }

    [Test]
    public void RunStage_PieceThrows_ThrowsItAndStaysUsable()
    {
        using var pool = new WorkerPool(2);
        pool.BeginStages();

        Assert.That(() => pool.RunStage(0, 2, (_, piece) => { if (piece == 1) throw new InvalidOperationException("one"); }), Throws.InvalidOperationException.With.Message.EqualTo("one"));

        int sum = 0;
        pool.RunStage(1, 4, (_, piece) => Interlocked.Add(ref sum, piece));
        pool.EndStages();
        Assert.That(sum, Is.EqualTo(6));
    }

    [Test]
    public void RunStage_Repeatedly_AllocatesNothing()
    {
        using var pool = new WorkerPool(2);
        Action<int, int> nothing = (_, _) => { };
        for (int run = 0; run < 100; run++)
        {
            Run(); // the first are the caller's alone, then the helper's thread is made
        }

        long before = GC.GetAllocatedBytesForCurrentThread();

        for (int run = 0; run < 100; run++)
        {
            Run();
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Run()
        {
            pool.BeginStages();
            pool.RunStage(0, 2, nothing);
            pool.EndStages();
        }
    }
}
