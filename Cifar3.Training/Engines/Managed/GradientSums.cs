namespace Cifar3.Training;

/// <summary>The gradient of a vector (a bias), summed in double by each shard and then over the shards in their order.</summary>
internal sealed unsafe class GradientSums(Arena arena, string name, int count, float* gradient)
{
    private readonly double* sums = arena.Doubles(name, (long)Shards.Max * count);

    /// <summary>A shard's sums, set to zero if it starts.</summary>
    public double* Of(int shard, bool start)
    {
        double* own = sums + (long)shard * count;
        if (start)
        {
            new Span<double>(own, count).Clear();
        }

        return own;
    }

    /// <summary>Writes the whole batch's sums as float gradient, and as they are to totals if not null.</summary>
    public void Finish(int shards, double* totals = null)
    {
        for (int i = 0; i < count; i++)
        {
            double total = Total(shards, i);
            gradient[i] = (float)total;
            if (totals != null)
            {
                totals[i] = total;
            }
        }
    }

    /// <summary>Element i summed over the shards.</summary>
    public double Total(int shards, int i)
    {
        double total = 0;
        for (int shard = 0; shard < shards; shard++)
        {
            total += sums[(long)shard * count + i];
        }

        return total;
    }
}
