using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;

namespace Cifar3;

/// <summary>What became of one piece of a stream: the predictions up to the first bad image, and its error; null where all were good.</summary>
internal readonly record struct PieceResult(Prediction[] Predictions, ExceptionDispatchInfo? Error);

/// <summary>
/// Scores a stream a piece at a time, several pieces at once, each decoded and scored on one core; gives the predictions in order, a bounded
/// number of pieces ahead of the reader.
/// </summary>
/// <param name="score">Decodes and scores a piece; takes the items and the number of the first.</param>
/// <param name="pieceSize">Items of a piece.</param>
/// <param name="ahead">Pieces that are under way or wait for the reader, at least 1.</param>
/// <param name="progress">Receives the number of predictions so far; null for none.</param>
/// <param name="cancellation">Ends the stream early.</param>
internal sealed class PredictionStream<T>(Func<IReadOnlyList<T>, long, PieceResult> score, int pieceSize, int ahead, IProgress<long>? progress, CancellationToken cancellation)
{
    private long begun, done;
    private int running;

    /// <summary>The predictions of a stream, which is read no further than needed.</summary>
    public IEnumerable<Prediction> Run(IEnumerable<T> source)
    {
        var pieces = new Queue<Task<PieceResult>>();
        try
        {
            foreach (var items in source.Chunk(pieceSize))
            {
                cancellation.ThrowIfCancellationRequested();
                pieces.Enqueue(Begin(items));
                if (pieces.Count == ahead)
                {
                    foreach (var prediction in Oldest())
                    {
                        yield return prediction;
                    }
                }
            }

            while (pieces.Count > 0)
            {
                foreach (var prediction in Oldest())
                {
                    yield return prediction;
                }
            }
        }
        finally
        {
            // No work goes on behind the back of a reader who has stopped.
            ((Task)Task.WhenAll(pieces)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        }

        IEnumerable<Prediction> Oldest()
        {
            cancellation.ThrowIfCancellationRequested();
            return Give(pieces.Dequeue().GetAwaiter().GetResult());
        }
    }

    /// <summary>The same of an asynchronous stream. While that waits for its next item and nothing is under way, what has come is scored.</summary>
    public async IAsyncEnumerable<Prediction> RunAsync(IAsyncEnumerable<T> source, [EnumeratorCancellation] CancellationToken enumeration = default)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, enumeration);
        var pieces = Channel.CreateBounded<Task<PieceResult>>(ahead);
        var reading = ReadAsync(source, pieces.Writer, stop.Token);
        try
        {
            await foreach (var piece in pieces.Reader.ReadAllAsync(stop.Token).ConfigureAwait(false))
            {
                foreach (var prediction in Give(await piece.WaitAsync(stop.Token).ConfigureAwait(false)))
                {
                    yield return prediction;
                }
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (pieces.Reader.TryRead(out var piece))
            {
                await ((Task)piece).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task ReadAsync(IAsyncEnumerable<T> source, ChannelWriter<Task<PieceResult>> pieces, CancellationToken stop)
    {
        Exception? failure = null;
        try
        {
            var items = source.GetAsyncEnumerator(stop);
            await using (items.ConfigureAwait(false))
            {
                var piece = new List<T>(pieceSize);
                for (bool more = true; more;)
                {
                    var next = items.MoveNextAsync().AsTask();
                    try
                    {
                        if (piece.Count == pieceSize || (piece.Count > 0 && Volatile.Read(ref running) == 0 && !next.IsCompleted))
                        {
                            await pieces.WriteAsync(Begin([.. piece]), stop).ConfigureAwait(false);
                            piece.Clear();
                        }
                    }
                    finally
                    {
                        // An enumerator must not be disposed while it looks for its next item.
                        await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    }

                    more = await next.ConfigureAwait(false);
                    if (more)
                    {
                        piece.Add(items.Current);
                    }
                }

                if (piece.Count > 0)
                {
                    await pieces.WriteAsync(Begin([.. piece]), stop).ConfigureAwait(false);
                }
            }
        }
#pragma warning disable CA1031 // whatever the source throws is thrown again where its item would have been
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure = e;
        }

        pieces.Complete(failure);
    }

    private Task<PieceResult> Begin(T[] items)
    {
        long first = begun;
        begun += items.Length;
        Interlocked.Increment(ref running);
        return Task.Run(() =>
        {
            try
            {
                cancellation.ThrowIfCancellationRequested();
                return score(items, first);
            }
            finally
            {
                Interlocked.Decrement(ref running);
            }
        });
    }

    private IEnumerable<Prediction> Give(PieceResult result)
    {
        foreach (var prediction in result.Predictions)
        {
            yield return prediction;
        }

        result.Error?.Throw();
        done += result.Predictions.Length;
        progress?.Report(done);
    }
}
