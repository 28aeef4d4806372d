namespace Cifar3.Tests;

/// <summary>A clock that a test sets.</summary>
internal sealed class ManualClock : TimeProvider
{
    public double Seconds { get; set; } = 1;

    public override long TimestampFrequency => 1_000_000;

    public override long GetTimestamp() => (long)Math.Round(Seconds * TimestampFrequency);
}
