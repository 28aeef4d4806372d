namespace Cifar3;

/// <summary>Lets calls that are running end well when their object is disposed: what they use is freed when the last of them ends.</summary>
/// <param name="owner">What the error of a later call says is disposed: the public class that the caller knows.</param>
/// <param name="free">Frees; called once.</param>
internal sealed class UseCount(Type owner, Action free)
{
    private int users = 1; // the owner and the running calls; freed at 0
    private int disposed;

    /// <summary>Whether exactly one call is running.</summary>
    public bool IsSingle => Volatile.Read(ref users) == 2;

    /// <summary>A call begins.</summary>
    /// <exception cref="ObjectDisposedException">The owner is disposed.</exception>
    public void Enter()
    {
        int seen = Volatile.Read(ref users);
        while (true)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref disposed) != 0 || seen == 0, owner);
            int found = Interlocked.CompareExchange(ref users, seen + 1, seen);
            if (found == seen)
            {
                return;
            }

            seen = found;
        }
    }

    /// <summary>A call ends.</summary>
    public void Exit()
    {
        if (Interlocked.Decrement(ref users) == 0)
        {
            free();
        }
    }

    /// <summary>No further call begins.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 0)
        {
            Exit();
        }
    }
}
