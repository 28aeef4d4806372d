using System.Globalization;

namespace Cifar3.Training;

/// <summary>What schedules share.</summary>
internal static class Schedules
{
    /// <summary>Half a cosine from one number to another; share 0 to 1.</summary>
    public static double Cosine(double from, double to, double share) => to + (from - to) * (1 + Math.Cos(Math.PI * Math.Clamp(share, 0, 1))) / 2;

    /// <summary>The steps of so many epochs: a whole number where the nearest float to the epochs is all that keeps them from it, for 0.1f is a little more than a tenth.</summary>
    public static double Steps(float epochs, int batchesPerEpoch)
    {
        double steps = (double)epochs * batchesPerEpoch, whole = Math.Round(steps);
        return Math.Abs(steps - whole) <= steps / (1 << 24) ? whole : steps;
    }

    /// <summary>The number, if it is above 0 and finite.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public static float Positive(float value, string name) => value > 0 && float.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, string.Create(CultureInfo.InvariantCulture, $"The number must be above 0 and finite. Received: {name}={value}."));
}
