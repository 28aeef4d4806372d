using System.Globalization;

namespace Cifar3.Training;

/// <summary>The check that all schedules share.</summary>
internal static class Schedules
{
    /// <summary>The number, if it is above 0 and finite.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not.</exception>
    public static float Positive(float value, string name) => value > 0 && float.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, string.Create(CultureInfo.InvariantCulture, $"The number must be above 0 and finite. Received: {name}={value}."));
}
