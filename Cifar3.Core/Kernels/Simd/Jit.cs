using System.Runtime.CompilerServices;

namespace Cifar3;

/// <summary>How the JIT compiles a kernel.</summary>
internal static class Jit
{
    /// <summary>
    /// At once with all optimizations, and as a method of its own. RyuJIT inlines what it sees called often, such a method too, and one
    /// method has a budget for that: where it ends within a kernel, each addition of vectors becomes a call (a training step took a fifth
    /// longer with the Winograd transforms inside their callers).
    /// </summary>
    public const MethodImplOptions Kernel = MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining;
}
