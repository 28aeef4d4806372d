namespace Cifar3;

/// <summary>Reads another stream and refuses to give more than a limit: a small compressed file cannot keep a reader busy for ever.</summary>
/// <param name="inner">The stream read from; disposed with this one.</param>
/// <param name="limit">The most bytes it may give.</param>
/// <param name="cancellation">Checked at every read.</param>
internal sealed class LimitedStream(Stream inner, long limit, CancellationToken cancellation) : ForwardStream
{
    /// <summary>Bytes given so far.</summary>
    public long Given { get; private set; }

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The limit is passed.</exception>
    public override int Read(Span<byte> buffer)
    {
        cancellation.ThrowIfCancellationRequested();
        int read = inner.Read(buffer);
        Given += read;
        return Given <= limit ? read : throw new InvalidDataException($"it unpacks to more than {limit:N0} bytes");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
