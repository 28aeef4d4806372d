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
        var kernels = Methods().Where(method => method.MethodImplementationFlags.HasFlag(MethodImplAttributes.AggressiveOptimization)).ToList();

        Assert.That(kernels.Select(Name), Does.Contain("WinogradInput.Forward").And.Contain("WinogradOutput.Backward").And.Contain("WinogradGemm.Blocks").And.Contain("ShardGradients.Add"));
        Assert.That(kernels.Where(method => !IsKernel(method)).Select(Name), Is.Empty);
    }

    /// <summary>
    /// What computes with vectors is a kernel or part of one. A method that is neither is compiled as the JIT sees fit, and what cleared the tiles at an
    /// image's edge once called a method for each store: it took four times as long as the whole transform of a tile.
    /// </summary>
    [Test]
    public void MethodsThatComputeWithVectors_All_AreKernelsOrPartOfOne()
    {
        var methods = Methods().Where(method => method.GetMethodBody() != null && ComputesWithVectors(method)).ToList();

        Assert.That(methods.Select(Name), Does.Contain("WinogradOutput.ClearOutside").And.Contain("WinogradGemm.Steps").And.Contain("Adam.Run"));
        Assert.That(methods.Where(method => !IsKernel(method) && !IsInlined(method)).Select(Name), Is.Empty);
    }

    // Calls V.Load(…), a + b …: "constrained. V" before "call" in its IL, where V is a type parameter that must be vectors. Sizes alone (V.Width) are no computing.
    private static bool ComputesWithVectors(MethodInfo method)
    {
        byte[] il = method.GetMethodBody()!.GetILAsByteArray()!;
        Type[] typeArguments = method.DeclaringType!.GetGenericArguments(), methodArguments = method.GetGenericArguments();
        for (int i = 0; i + 10 < il.Length; i++)
        {
            if (il[i] != 0xFE || il[i + 1] != 0x16 || il[i + 6] != 0x28)
            {
                continue;
            }

            var type = method.Module.ResolveType(BitConverter.ToInt32(il, i + 2), typeArguments, methodArguments);
            var called = method.Module.ResolveMethod(BitConverter.ToInt32(il, i + 7), typeArguments, methodArguments)!;
            if (type.IsGenericParameter && type.GetGenericParameterConstraints().Any(constraint => constraint.IsGenericType && constraint.GetGenericTypeDefinition() == typeof(ISimd<>)) && !called.Name.StartsWith("get_", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The least of vectors' operations are inlined: one that is not costs a call where one instruction would do.</summary>
    [Test]
    public void VectorOperations_All_AreToBeInlined()
    {
        Type[] vectors = [typeof(V128), typeof(V256), typeof(V512)];
        var calls = vectors.SelectMany(type => type.GetMethods(All)).Where(method => !method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal))
            .Where(method => method.ReturnType == method.DeclaringType || method.ReturnType == typeof(void));

        Assert.That(calls.Where(method => !IsInlined(method)).Select(Name), Is.Empty);
    }

    private static IEnumerable<MethodInfo> Methods() =>
        new[] { typeof(Jit), typeof(ManagedEngine) }.SelectMany(type => type.Assembly.GetTypes()).SelectMany(type => type.GetMethods(All));

    private static bool IsKernel(MethodInfo method) => method.MethodImplementationFlags.HasFlag((MethodImplAttributes)Jit.Kernel);

    private static bool IsInlined(MethodInfo method) => method.MethodImplementationFlags.HasFlag(MethodImplAttributes.AggressiveInlining);

    private static string Name(MethodInfo method) => $"{method.DeclaringType!.Name}.{method.Name}";
}
