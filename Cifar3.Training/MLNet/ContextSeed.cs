using System.Reflection;
using Microsoft.ML.Runtime;

namespace Cifar3.Training;

/// <summary>The seed that an MLContext was created with, which ML.NET shows its own trainers only: read by reflection, as <see cref="HostCancellation"/> does.</summary>
internal static class ContextSeed
{
    private static readonly PropertyInfo? Seed = Type.GetType("Microsoft.ML.Runtime.IHostEnvironmentInternal, Microsoft.ML.Core")?.GetProperty("Seed");

    /// <summary>The seed; null where the context has none, or a later ML.NET keeps it elsewhere.</summary>
    public static int? Of(IHostEnvironment environment) =>
        Seed?.DeclaringType?.IsInstanceOfType(environment) == true ? Seed.GetValue(environment) as int? : null;
}
