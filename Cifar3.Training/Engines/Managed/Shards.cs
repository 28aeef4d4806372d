namespace Cifar3.Training;

/// <summary>
/// How a batch is cut: into at most 8 runs of consecutive images, a function of the batch's size alone. Each shard sums its own
/// gradients, and the shards' sums are added in shard order, so no result depends on how many threads there were.
/// </summary>
internal static class Shards
{
    /// <summary>Most shards: enough for 8 threads; each costs a copy of most kernels' gradients.</summary>
    public const int Max = 8;

    public static int Count(int images) => Math.Min(images, Max);

    /// <summary>First image of a shard; that of shard Count is the number of images.</summary>
    public static int First(int shard, int images) => (int)((long)images * shard / Count(images));
}
