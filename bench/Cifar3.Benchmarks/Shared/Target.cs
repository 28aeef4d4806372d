namespace Cifar3.Benchmarks;

/// <summary>A figure with the value that it should reach.</summary>
/// <param name="Figure">What it is, in words, with its unit.</param>
/// <param name="Value">What was measured; null where it could not be, such as without the peer to compare with.</param>
/// <param name="Goal">What it should be.</param>
/// <param name="IsCeiling">Whether less is better.</param>
internal sealed record Target(string Figure, double? Value, double Goal, bool IsCeiling)
{
    /// <summary>Whether the value reaches the goal; a figure that was not measured does not.</summary>
    public bool Met => Value is { } value && (IsCeiling ? value <= Goal : value >= Goal);

    /// <summary>A figure that should be at least so much.</summary>
    public static Target AtLeast(double goal, string figure, double? value) => new(figure, value, goal, IsCeiling: false);

    /// <summary>A figure that should be at most so much.</summary>
    public static Target AtMost(double goal, string figure, double? value) => new(figure, value, goal, IsCeiling: true);
}
