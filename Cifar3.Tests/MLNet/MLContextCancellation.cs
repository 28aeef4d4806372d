using System.Runtime.CompilerServices;
using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>ML.NET's own way to stop everything that runs in a context; its method is not public.</summary>
internal static class MLContextCancellation
{
    [UnsafeAccessor(UnsafeAccessorKind.Method)]
    public static extern void CancelExecution(MLContext context);
}
