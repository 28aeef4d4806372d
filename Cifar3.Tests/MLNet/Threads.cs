namespace Cifar3.Tests;

/// <summary>Runs something on several threads at the same time.</summary>
internal static class Threads
{
    /// <summary>Returns when all have ended; throws what one of them threw.</summary>
    public static void Run(int count, Action<int> action)
    {
        using var start = new Barrier(count);
        Task.WaitAll([.. Enumerable.Range(0, count).Select(i => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait();
                action(i);
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))]);
    }
}
