namespace Cifar3;

/// <summary>Reads another stream and refuses to give more than a limit: a small compressed file cannot keep a reader busy for ever.</summary>
/// <param name="inner">The stream read from; disposed with this one.</param>
/// <param name="limit">The most bytes it may give.</param>
/// <param name="cancellation">Checked at every read.</param>
internal sealed class LimitedStream(Stream inner, long limit, CancellationToken cancellation) : Stream
{
    /// <summary>Bytes given so far.</summary>
    public long Given { get; private set; }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

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
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

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
