using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>
/// Scores one batch on the calling thread and helpers of the thread pool, a piece at a time, each on a core of its own: ONNX Runtime
/// is a fifth faster so than with its own threads inside each run. Reused: a warm call allocates nothing.
/// </summary>
internal sealed unsafe class ParallelRun(ConcurrentQueue<ParallelRun> home) : IThreadPoolWorkItem, IDisposable
{
    private readonly ManualResetEventSlim done = new();
    private OnnxSession runner = null!;
    private byte* pixels;
    private float* probabilities;
    private int count, piece, next, left, references;
    private ExceptionDispatchInfo? failure;

    /// <summary>Scores a batch; returns when it is done.</summary>
    /// <param name="home">Where unused runs wait. No <see cref="ConcurrentBag{T}"/>: it lies in its threads' own memory, from where a run, which knows its home, would keep all of a forgotten scorer.</param>
    /// <param name="runner">The single-threaded session.</param>
    /// <param name="threads">Threads to use, the caller's included.</param>
    /// <param name="pixels">[N, 32, 32, 3].</param>
    /// <param name="probabilities">Receives [N, classes].</param>
    public static void Score(ConcurrentQueue<ParallelRun> home, OnnxSession runner, int threads, ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        if (!home.TryDequeue(out var run))
        {
            run = new ParallelRun(home);
        }

        fixed (byte* from = pixels)
        fixed (float* to = probabilities)
        {
            run.Begin(runner, threads, from, to, pixels.Length / CnnArchitecture.ImageBytes);
            run.TakePieces();
            UninterruptedWait.For(run, static run => run.done.Wait()); // helpers write into the caller's memory
        }

        var failure = run.failure;
        run.Release();
        failure?.Throw();
    }

    /// <summary>A helper of the thread pool: it may come when all is done, and finds no piece left then.</summary>
    public void Execute()
    {
        TakePieces();
        Release();
    }

    public void Dispose() => done.Dispose();

    private void Begin(OnnxSession session, int threads, byte* from, float* to, int images)
    {
        // Pieces of equal size, as many for each thread, so that all end at the same time.
        int pieces = (images + session.Capacity - 1) / session.Capacity;
        pieces = Math.Min((pieces + threads - 1) / threads * threads, images);
        piece = (images + pieces - 1) / pieces;
        pieces = (images + piece - 1) / piece;
        int helpers = Math.Min(threads, pieces) - 1;

        pixels = from;
        probabilities = to;
        (runner, count, failure) = (session, images, null);
        (left, references) = (pieces, helpers + 1);
        done.Reset();
        Volatile.Write(ref next, 0);
        for (int i = 0; i < helpers; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private void TakePieces()
    {
        for (int first; (first = (Interlocked.Increment(ref next) - 1) * piece) < count;)
        {
            int n = Math.Min(piece, count - first), classes = runner.Classes;
            try
            {
                runner.Run(new ReadOnlySpan<byte>(pixels + (long)first * CnnArchitecture.ImageBytes, n * CnnArchitecture.ImageBytes), new Span<float>(probabilities + (long)first * classes, n * classes));
            }
#pragma warning disable CA1031 // whatever it is, it is thrown again on the caller's thread
            catch (Exception e)
#pragma warning restore CA1031
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
            }

            if (Interlocked.Decrement(ref left) == 0)
            {
                done.Set();
            }
        }
    }

    private void Release()
    {
        if (Interlocked.Decrement(ref references) == 0)
        {
            home.Enqueue(this);
        }
    }
}
