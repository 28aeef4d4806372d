namespace Cifar3;

/// <summary>
/// Waits that <see cref="Thread.Interrupt"/> does not end: whoever lent memory to another thread must not return before that thread is done with it.
/// The interruption is kept: it ends the caller's next wait of its own.
/// </summary>
internal static class UninterruptedWait
{
    /// <summary>Waits.</summary>
    /// <param name="state">What the wait needs; with a static lambda nothing is allocated.</param>
    /// <param name="wait">Returns when what is waited for has come; it is called again after an interruption.</param>
    public static void For<T>(T state, Action<T> wait)
    {
        for (bool interrupted = false; ;)
        {
            try
            {
                wait(state);
            }
            catch (ThreadInterruptedException)
            {
                interrupted = true;
                continue;
            }

            if (interrupted)
            {
                Thread.CurrentThread.Interrupt();
            }

            return;
        }
    }

    /// <summary>
    /// Waits until a task has ended, well or not; throws nothing of it. On a thread of the thread pool a task that it has begun and nobody has taken up runs
    /// here and now: where all threads of the pool wait so, nobody else would come for it.
    /// </summary>
    public static void ForEnd(Task task) => For(task, static task =>
    {
        try
        {
            task.Wait(); // only this wait runs the task itself; its WaitHandle's does not
        }
        catch (AggregateException)
        {
        }
    });
}
