using System.Runtime.CompilerServices;

namespace Cifar3;

/// <summary>Refuses numbers that no name of an enumeration has: else they would be taken for whatever stands last in a switch.</summary>
internal static class Defined
{
    /// <summary>The value, which has a name.</summary>
    /// <param name="value">The value.</param>
    /// <param name="problem">What is wrong where it has none, in a sentence.</param>
    /// <param name="name">The argument or property. Default: what the caller wrote for the value.</param>
    /// <exception cref="ArgumentOutOfRangeException">It has no name: tells those that there are.</exception>
    public static T Value<T>(T value, string problem, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : struct, Enum =>
        Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(name, value, $"{problem} Expected one of: {string.Join(", ", Enum.GetNames<T>())}. Received: {value}.");
}
