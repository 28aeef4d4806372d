using Cifar3.Training;

namespace Cifar3.Tests;

internal sealed class WorkerPoolTests
{
    [Test]
    public void Run_ManyTimes_DoesEachPieceOnceAndNoWorkerTwiceAtOnce([Values(1, 2, 3, 8)] int threads, [Values] bool passes)
    {
        using var pool = new WorkerPool(threads, passes);
        int[] done = new int[23], busy = new int[threads];
        int overlaps = 0;
        Action<int, int> work = (piece, worker) =>
        {
            overlaps += Interlocked.Increment(ref busy[worker]) == 1 ? 0 : 1;
            done[piece]++;
            Interlocked.Decrement(ref busy[worker]);
        };

        for (int run = 0; run < 300; run++)
        {
            pool.Run(done.Length, work);
        }

        Assert.That(done, Is.All.EqualTo(300));
        Assert.That(overlaps, Is.Zero);
    }

    [Test]
    public void Run_PieceThrows_ThrowsItAndStaysUsable()
    {
        using var pool = new WorkerPool(3);

        Assert.That(() => pool.Run(9, (piece, _) => { if (piece == 5) throw new InvalidOperationException("five"); }), Throws.InvalidOperationException.With.Message.EqualTo("five"));

        int sum = 0;
        pool.Run(9, (piece, _) => Interlocked.Add(ref sum, piece));
        Assert.That(sum, Is.EqualTo(36));
    }

    /// <summary>Such as in a container that allows few processes: .NET throws an OutOfMemoryException for each further thread.</summary>
    [Test]
    public void Run_SystemAllowsNoMoreThreads_WorksWithThoseItHas([Values(0, 1, 2)] int allowed)
    {
        int started = 0;
        using var pool = new WorkerPool(4, start: thread =>
        {
            if (++started > allowed)
            {
                throw new OutOfMemoryException();
            }

            thread.Start();
        });
        var done = new int[23];

        for (int run = 0; run < 100; run++)
        {
            pool.Run(done.Length, (piece, worker) =>
            {
                done[piece]++;
                Assert.That(worker, Is.LessThanOrEqualTo(allowed));
            });
            pool.BeginStages();
            pool.RunStage(0, done.Length, (_, piece) => done[piece]++);
            pool.EndStages();
        }

        Assert.That(done, Is.All.EqualTo(200));
        Assert.That(started, Is.EqualTo(allowed + 1), "asked again at each run");
    }

    [Test]
    public void Run_Repeatedly_AllocatesNothing()
    {
        using var pool = new WorkerPool(2);
        Action<int, int> nothing = (_, _) => { };
        pool.Run(4, nothing);
        long before = GC.GetAllocatedBytesForCurrentThread();

        for (int run = 0; run < 100; run++)
        {
            pool.Run(4, nothing);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }
}
