using System.Numerics;
using System.Runtime.CompilerServices;

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

    /// <summary>
    /// Of how many shards threads take two halves instead of the whole: of the last two a thread, so that none waits long for the others at the end of
    /// a pass. A second half continues the first one's sums.
    /// </summary>
    public static int Halved(int images, int threads) => threads > 1 && threads < Count(images) ? Math.Min(Count(images), 2 * threads) : 0;

    /// <summary>The fewest images that are whole units of two layers (<see cref="ReluConvLayer.Unit"/>); 0 where one of them must stay whole.</summary>
    public static int LeastCommonMultiple(int a, int b) => a == 0 ? 0 : a / (int)BigInteger.GreatestCommonDivisor(a, b) * b;
}

/// <summary>
/// The piece of a batch that one thread works on: images First to End − 1 of shard Shard, with Worker's scratch memory. It begins the shard's sums, or
/// continues them.
/// </summary>
internal readonly record struct ImageRange(int First, int End, int Shard, int Worker, bool Begins);

/// <summary>The gradient of a kernel: a copy for each shard, added up in shard order.</summary>
internal sealed unsafe class ShardGradients<V>(Arena arena, string name, long count, float* gradient)
    where V : struct, ISimd<V>
{
    private readonly float* shardGradients = arena.Floats(name, Shards.Max * count); // count is a multiple of 16

    /// <summary>A shard's gradient.</summary>
    public float* Of(int shard) => shardGradients + shard * count;

    /// <summary>Writes the whole batch's gradient.</summary>
    public void Finish(int shards) => ShardGradients.Add<V>(shardGradients, (nint)count, shards, (nint)count, gradient);
}

/// <summary>Adds up what shards left: each one run of memory, which the processor reads ahead.</summary>
internal static unsafe class ShardGradients
{
    /// <summary>total[0..length) = Σ over the shards, in their order.</summary>
    /// <param name="first">The first shard's numbers; may be <paramref name="total"/>.</param>
    /// <param name="stride">Floats from a shard's numbers to the next's.</param>
    /// <param name="shards">Number of shards.</param>
    /// <param name="length">Numbers of a shard, a multiple of the vector width.</param>
    /// <param name="total">Receives the sums.</param>
    [MethodImpl(Jit.Kernel)]
    public static void Add<V>(float* first, nint stride, int shards, nint length, float* total)
        where V : struct, ISimd<V>
    {
        for (nint i = 0; i < length; i += V.Width)
        {
            V sum = V.Load(first + i);
            for (int shard = 1; shard < shards; shard++)
            {
                sum += V.Load(first + shard * stride + i);
            }

            V.Store(total + i, sum);
        }
    }
}

/// <summary>Numbers that each shard sums in double, added up in shard order: statistics, and the gradients of vectors.</summary>
internal sealed unsafe class ShardSums(Arena arena, string name, int count)
{
    private readonly double* sums = arena.Doubles(name, (long)Shards.Max * count);

    /// <summary>A shard's sums, set to zero where the range begins them.</summary>
    public double* Of(in ImageRange range)
    {
        double* own = sums + (long)range.Shard * count;
        if (range.Begins)
        {
            new Span<double>(own, count).Clear();
        }

        return own;
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

    /// <summary>The whole batch's sums as a float gradient (=), and as they are to totals if not null.</summary>
    public void WriteTo(float* gradient, int shards, double* totals = null)
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
}
