using System.Reflection;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>How kernels are compiled: see <see cref="Jit.Kernel"/>.</summary>
internal sealed class KernelCompilationTests
{
    private const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>A kernel that is compiled at once must not be inlined: there the JIT's budget ends, and additions of vectors become calls.</summary>
    [Test]
    public void Kernels_OptimizedAtOnce_AreMethodsOfTheirOwn()
    {
        var kernels = new[] { typeof(Jit), typeof(ManagedEngine) }.SelectMany(type => type.Assembly.GetTypes()).SelectMany(type => type.GetMethods(All))
            .Where(method => method.MethodImplementationFlags.HasFlag(MethodImplAttributes.AggressiveOptimization)).ToList();

        Assert.That(kernels.Select(Name), Does.Contain("WinogradInput.Forward").And.Contain("WinogradOutput.Backward").And.Contain("WinogradGemm.Block").And.Contain("ShardGradients.Add"));
        Assert.That(kernels.Where(method => !method.MethodImplementationFlags.HasFlag((MethodImplAttributes)Jit.Kernel)).Select(Name), Is.Empty);
    }

    /// <summary>The least of vectors' operations are inlined: one that is not costs a call where one instruction would do.</summary>
    [Test]
    public void VectorOperations_All_AreToBeInlined()
    {
        Type[] vectors = [typeof(V128), typeof(V256), typeof(V512)];
        var calls = vectors.SelectMany(type => type.GetMethods(All)).Where(method => !method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal))
            .Where(method => method.ReturnType == method.DeclaringType || method.ReturnType == typeof(void));

        Assert.That(calls.Where(method => !method.MethodImplementationFlags.HasFlag(MethodImplAttributes.AggressiveInlining)).Select(Name), Is.Empty);
    }

    private static string Name(MethodInfo method) => $"{method.DeclaringType!.Name}.{method.Name}";
}
