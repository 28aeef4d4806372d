using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;

namespace Cifar3;

/// <summary>
/// Scores a stream a piece at a time, several pieces at once, each decoded and scored on one core; gives the predictions in order, a bounded
/// number of pieces ahead of the reader.
/// </summary>
/// <remarks>
/// A reader who leaves (break, an exception, cancellation) leaves nothing behind: before the enumerator's dispose returns, every piece that was begun has
/// ended, which takes at most one image's time, so that the reader may free the images. Of the source only this is left to itself: an asynchronous one
/// that does not end its wait within <see cref="Patience"/> of its token's cancellation; its enumerator is disposed when it does.
/// </remarks>
/// <param name="score">Decodes and scores a piece; takes the items, the number of the first, and what ends the work early.</param>
/// <param name="pieceSize">The most items of a piece.</param>
/// <param name="ahead">Pieces that are under way or wait for the reader, at least 1.</param>
/// <param name="progress">Receives the number of predictions so far; null for none.</param>
/// <param name="onBadImage">Receives each image that was left out, on the reader's thread (of an asynchronous stream: on the one on which that goes on), in order; null where none is.</param>
/// <param name="cancellation">Ends the stream early.</param>
/// <param name="weigh">About the bytes of an item, of which <see cref="PieceBuilder{T}.MostBytes"/> make a piece too; null for none.</param>
internal sealed class PredictionStream<T>(
    Func<IReadOnlyList<T>, long, CancellationToken, PieceResult> score, int pieceSize, int ahead, IProgress<long>? progress, Action<long, Cifar3ImageException>? onBadImage, CancellationToken cancellation, Func<T, long>? weigh = null)
{
    /// <summary>How long a leaving reader waits for a source that was told to stop.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    private long begun, done;
    private int running;

    /// <summary>The predictions of a stream, which is read no further than needed. Each enumeration counts for itself.</summary>
    public IEnumerable<Prediction> Run(IEnumerable<T> source)
    {
        foreach (var prediction in Fresh().RunOnce(source))
        {
            yield return prediction;
        }
    }

    private PredictionStream<T> Fresh() => new(score, pieceSize, ahead, progress, onBadImage, cancellation, weigh);

    private IEnumerable<Prediction> RunOnce(IEnumerable<T> source)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var pieces = new Queue<Task<PieceResult>>();
        ExceptionDispatchInfo? failure = null; // thrown again where the source's next item would have been
        try
        {
            foreach (var items in Cut(source, e => failure = ExceptionDispatchInfo.Capture(e)))
            {
                cancellation.ThrowIfCancellationRequested();
                pieces.Enqueue(Begin(items, stop.Token));
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

            failure?.Throw();
        }
        finally
        {
            stop.Cancel();
            foreach (var piece in pieces)
            {
                UninterruptedWait.ForEnd(piece);
            }
        }

        IEnumerable<Prediction> Oldest()
        {
            cancellation.ThrowIfCancellationRequested();
            PieceResult result;
            try
            {
                result = pieces.Peek().GetAwaiter().GetResult(); // it stays in the queue should this wait be interrupted
            }
            catch (OperationCanceledException)
            {
                cancellation.ThrowIfCancellationRequested();
                throw;
            }

            pieces.Dequeue();
            return Give(result);
        }
    }

    /// <summary>The source in pieces, up to its end or its failure.</summary>
    private IEnumerable<T[]> Cut(IEnumerable<T> source, Action<Exception> onFailure)
    {
        var piece = new PieceBuilder<T>(pieceSize, weigh);
        using var items = source.GetEnumerator();
        while (Next())
        {
            if (piece.IsFull)
            {
                yield return piece.Take();
            }
        }

        if (piece.Count > 0)
        {
            yield return piece.Take();
        }

        bool Next()
        {
            try
            {
                if (!items.MoveNext())
                {
                    return false;
                }

                piece.Add(items.Current);
                return true;
            }
            catch (Exception e)
            {
                onFailure(e);
                return false;
            }
        }
    }

    /// <summary>The same of an asynchronous stream. While that waits for its next item and nothing is under way, what has come is scored.</summary>
    public async IAsyncEnumerable<Prediction> RunAsync(IAsyncEnumerable<T> source, [EnumeratorCancellation] CancellationToken enumeration = default)
    {
        await foreach (var prediction in Fresh().RunOnceAsync(source, enumeration).ConfigureAwait(false))
        {
            yield return prediction;
        }
    }

    private async IAsyncEnumerable<Prediction> RunOnceAsync(IAsyncEnumerable<T> source, [EnumeratorCancellation] CancellationToken enumeration)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, enumeration);
        var pieces = Channel.CreateBounded<Task<PieceResult>>(new BoundedChannelOptions(ahead) { SingleReader = true, SingleWriter = true });
        var reading = Task.Run(() => ReadAsync(source, pieces.Writer, stop.Token), CancellationToken.None);
        try
        {
            while (await NextAsync(pieces.Reader, stop.Token, enumeration).ConfigureAwait(false) is { } result)
            {
                foreach (var prediction in Give(result))
                {
                    yield return prediction;
                }
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await reading.WaitAsync(2 * Patience, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (pieces.Reader.TryRead(out var piece))
            {
                await ((Task)piece).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>The result of the oldest piece; null at the end. As long as it is under way it keeps its room: a stream on one thread has one piece at a time.</summary>
    private async Task<PieceResult?> NextAsync(ChannelReader<Task<PieceResult>> pieces, CancellationToken stop, CancellationToken enumeration)
    {
        try
        {
            if (!await pieces.WaitToReadAsync(stop).ConfigureAwait(false) || !pieces.TryPeek(out var piece))
            {
                return null;
            }

            var result = await piece.ConfigureAwait(false);
            pieces.TryRead(out _);
            return result;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            cancellation.ThrowIfCancellationRequested();
            enumeration.ThrowIfCancellationRequested();
            throw;
        }
    }

    private async Task ReadAsync(IAsyncEnumerable<T> source, ChannelWriter<Task<PieceResult>> pieces, CancellationToken stop)
    {
        Exception? failure = null;
        try
        {
            var piece = new PieceBuilder<T>(pieceSize, weigh);
            try
            {
                await ReadItemsAsync(source, piece, pieces, stop).ConfigureAwait(false);
            }
            catch (Exception e) when (!stop.IsCancellationRequested)
            {
                failure = e; // thrown again where the source's next item would have been
            }

            await BeginAsync(piece, pieces, stop).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // the reader gets it
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure = e;
        }

        pieces.Complete(failure);
    }

    private async Task ReadItemsAsync(IAsyncEnumerable<T> source, PieceBuilder<T> piece, ChannelWriter<Task<PieceResult>> pieces, CancellationToken stop)
    {
        var items = source.GetAsyncEnumerator(stop);
        var next = Task.FromResult(true);
        try
        {
            while (true)
            {
                stop.ThrowIfCancellationRequested(); // an item that was there at once was not waited for
                next = items.MoveNextAsync().AsTask();
                if (piece.IsFull || (piece.Count > 0 && Volatile.Read(ref running) == 0 && !next.IsCompleted))
                {
                    await BeginAsync(piece, pieces, stop).ConfigureAwait(false);
                }

                if (!await next.WaitAsync(stop).ConfigureAwait(false))
                {
                    break;
                }

                piece.Add(items.Current);
            }
        }
        finally
        {
            // An enumerator must not be disposed while it looks for its next item.
            var ending = EndAsync(items, next);
            if (stop.IsCancellationRequested)
            {
                await ending.WaitAsync(Patience, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            else
            {
                await ending.ConfigureAwait(false);
            }
        }
    }

    private static async Task EndAsync(IAsyncEnumerator<T> items, Task next)
    {
        await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await items.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Waits for room first: a piece that is begun is handed over, whatever happens, since nobody else writes.</summary>
    private async Task BeginAsync(PieceBuilder<T> piece, ChannelWriter<Task<PieceResult>> pieces, CancellationToken stop)
    {
        if (piece.Count > 0 && await pieces.WaitToWriteAsync(stop).ConfigureAwait(false))
        {
            stop.ThrowIfCancellationRequested();
            pieces.TryWrite(Begin(piece.Take(), stop));
        }
    }

    private Task<PieceResult> Begin(T[] items, CancellationToken stop)
    {
        long first = begun;
        begun += items.Length;
        Interlocked.Increment(ref running);
        return Task.Run(() =>
        {
            try
            {
                return score(items, first, stop);
            }
            finally
            {
                Interlocked.Decrement(ref running);
            }
        });
    }

    private IEnumerable<Prediction> Give(PieceResult result)
    {
        for (int i = 0, next = 0; i <= result.Predictions.Length; i++)
        {
            for (; next < result.Skipped.Count && result.Skipped[next].Before == i; next++)
            {
                onBadImage?.Invoke(result.Skipped[next].Index, result.Skipped[next].Error);
            }

            if (i < result.Predictions.Length)
            {
                yield return result.Predictions[i];
            }
        }

        result.Error?.Throw();
        done += result.Predictions.Length;
        progress?.Report(done);
    }
}
