namespace Cifar3.Training;

/// <summary>The gradient of a kernel: a copy for each shard, added up in shard order.</summary>
internal sealed unsafe class ShardGradients<V>(Arena arena, string name, long count, float* gradient)
    where V : struct, ISimd<V>
{
    private readonly float* shardGradients = arena.Floats(name, Shards.Max * count); // count is a multiple of 16

    /// <summary>A shard's gradient.</summary>
    public float* Of(int shard) => shardGradients + shard * count;

    /// <summary>Writes the whole batch's gradient.</summary>
    public void Finish(int shards)
    {
        for (long i = 0; i < count; i += V.Width)
        {
            V total = V.Load(shardGradients + i);
            for (int shard = 1; shard < shards; shard++)
            {
                total += V.Load(Of(shard) + i);
            }

            V.Store(gradient + i, total);
        }
    }
}
