namespace Cifar3.Benchmarks;

/// <summary>What one contender reached in the rounds.</summary>
/// <param name="Name">The contender.</param>
/// <param name="Values">A value a round.</param>
internal sealed record Measurement(string Name, IReadOnlyList<double> Values)
{
    /// <summary>The middle value; the mean of the two middle ones where their number is even.</summary>
    public double Median
    {
        get
        {
            double[] sorted = [.. Values.Order()];
            int half = sorted.Length / 2;
            return sorted.Length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
        }
    }

    public double Min => Values.Min();

    public double Max => Values.Max();
}
