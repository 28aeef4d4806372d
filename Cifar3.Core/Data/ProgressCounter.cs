namespace Cifar3;

/// <summary>Counts work done by any number of threads and reports it at most a hundred times.</summary>
internal sealed class ProgressCounter(IProgress<DataProgress>? progress, DataStage stage, long total)
{
    private readonly long step = Math.Max(1, (total + 99) / 100); // rounded up: 199 pictures, too, are a hundred reports
    private long done;

    /// <summary>Counts further work; reports when another hundredth of the total, or all of it, is done.</summary>
    public void Add(long count)
    {
        long now = Interlocked.Add(ref done, count);
        if (progress is not null && (now / step != (now - count) / step || now == total))
        {
            progress.Report(new DataProgress(stage, now, total));
        }
    }
}
