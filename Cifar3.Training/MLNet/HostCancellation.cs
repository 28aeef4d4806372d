using System.Reflection;
using Microsoft.ML.Runtime;

namespace Cifar3.Training;

/// <summary>A token that is cancelled with the caller's token or with the MLContext.</summary>
/// <remarks>
/// ML.NET marks the environments below a cancelled MLContext but neither raises an event nor shows the mark publicly, so it is looked at several
/// times a second, by reflection. Should a later ML.NET keep it elsewhere, the caller's token still works. The type is asked for by its whole name, which
/// trimming understands (of <c>Assembly.GetType</c> it knows nothing, and takes the property away).
/// </remarks>
internal sealed class HostCancellation : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);
    private static readonly PropertyInfo? IsCanceled = Type.GetType("Microsoft.ML.Runtime.ICancelable, Microsoft.ML.Core")?.GetProperty("IsCanceled");

    private readonly CancellationTokenSource source;
    private readonly Timer timer;

    /// <param name="host">The environment to watch.</param>
    /// <param name="token">The caller's token.</param>
    /// <exception cref="OperationCanceledException">One of them is cancelled already.</exception>
    public HostCancellation(IHost host, CancellationToken token)
    {
        source = CancellationTokenSource.CreateLinkedTokenSource(token);
        Look(host);
        timer = new Timer(_ => Look(host), null, Interval, Interval);
    }

    /// <summary>The token.</summary>
    public CancellationToken Token => source.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        using var ended = new ManualResetEvent(false);
        timer.Dispose(ended);
        ended.WaitOne(); // a look that is going on must not find the source disposed
        source.Dispose();
    }

    private void Look(IHost host)
    {
        if (IsCanceled?.DeclaringType?.IsInstanceOfType(host) == true && IsCanceled.GetValue(host) is true)
        {
            source.Cancel();
        }
    }
}
