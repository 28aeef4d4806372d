namespace Cifar3.Training;

/// <summary>
/// A batch in parts of nearly equal size. Each part goes through operators of its own, several parts at once, and sums join them where
/// the training step needs the whole batch: batch statistics, gradients, loss.
/// </summary>
/// <remarks>
/// On the CPU that is quicker than the same operators on the whole batch, by a tenth on two threads: every operator keeps one thread busy from
/// beginning to end, none waits for the slower half of another, and what an operator leaves is still in the cache for the next.
/// </remarks>
internal sealed class BatchParts
{
    /// <summary>The most parts of a batch; more threads than that share in the operators.</summary>
    public const int Most = 8;

    /// <summary>Smaller parts cost more in operators started than they gain.</summary>
    private const int FewestImages = 8;

    private readonly GraphBuilder graph;
    private readonly string scope;
    private readonly Output sizes;
    private readonly Output[] shares = [];

    /// <param name="graph">The graph.</param>
    /// <param name="scope">First part of the operators' names.</param>
    /// <param name="count">Number of parts.</param>
    /// <param name="labels">Placeholder of the batch's labels, which tells its size.</param>
    public BatchParts(GraphBuilder graph, string scope, int count, Output labels)
    {
        (this.graph, this.scope, Count) = (graph, scope, count);
        var size = graph.Add("Size", Name("size"), labels);
        BatchSize = graph.Cast(Name("batch_size"), size, DataType.Float);
        if (count == 1)
        {
            return;
        }

        // ⌊B/n⌋, ⌊(B + 1)/n⌋, … ⌊(B + n − 1)/n⌋ add up to B.
        var more = graph.Const(Name("more"), [.. Enumerable.Range(0, count)]);
        sizes = graph.Add("FloorDiv", Name("sizes"), graph.Add("AddV2", Name("size_and_more"), size, more), graph.Scalar(Name("count"), count));
        var each = graph.Begin("Unpack", Name("shares"), graph.Add("RealDiv", Name("all_shares"), graph.Cast(Name("float_sizes"), sizes, DataType.Float), BatchSize)).Int("num", count).Finish();
        shares = [.. Enumerable.Range(0, count).Select(part => each[part])];
    }

    /// <summary>Number of parts.</summary>
    public int Count { get; }

    /// <summary>B, float32 scalar.</summary>
    public Output BatchSize { get; }

    /// <summary>Number of parts for a batch on the CPU: depends on nothing else, so that sums are the same with any number of threads up to <see cref="Most"/>.</summary>
    public static int CountFor(int batch) => Math.Clamp(batch / FewestImages, 1, Most);

    /// <summary>The parts of [B, …].</summary>
    public Output[] Split(string name, Output whole)
    {
        if (Count == 1)
        {
            return [whole];
        }

        // Copies nothing where the parts of a tensor are aligned as TensorFlow wants them.
        var split = graph.Begin("SplitV", Name(name), whole, sizes, graph.Scalar(Name($"{name}_axis"), 0)).Int("num_split", Count).Finish();
        return [.. Enumerable.Range(0, Count).Select(part => split[part])];
    }

    /// <summary>Σ over the parts, always in the same order.</summary>
    public Output Sum(string name, Output[] parts) => Count == 1 ? parts[0] : graph.Begin("AddN", Name(name)).List(parts).Finish();

    /// <summary>The whole batch's mean from the parts' means.</summary>
    public Output Mean(string name, Output[] parts) => Count == 1
        ? parts[0]
        : Sum(name, [.. parts.Select((mean, part) => (Output)graph.Add("Mul", Name($"{name}/share/{part}"), mean, shares[part]))]);

    /// <summary>[B, …] again.</summary>
    public Output Join(string name, Output[] parts) =>
        Count == 1 ? parts[0] : graph.Begin("ConcatV2", Name(name)).List(parts).Input(graph.Scalar(Name($"{name}_axis"), 0)).Finish();

    private string Name(string what) => $"{scope}/{what}";
}
