using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cifar3;

/// <summary>16 floats: AVX-512.</summary>
internal unsafe struct V512(Vector512<float> value) : ISimd<V512>
{
    private Vector512<float> value = value; // mutable for Accumulate alone

    public static string Name => "AVX-512";

    /// <summary>
    /// Asks for the instructions, not for <c>Vector512.IsHardwareAccelerated</c> alone: .NET says no on Skylake's and Cascade Lake's servers, which lower their
    /// frequency for 512 bits (<see href="https://github.com/dotnet/runtime/pull/86457"/>). Products in their number gain more from twice the lanes. Code that was
    /// compiled ahead for processors without AVX-512 has calls in the place of its instructions, whatever the processor says.
    /// </summary>
    public static bool IsSupported => Vector512.IsHardwareAccelerated || (Avx512F.IsSupported && RuntimeFeature.IsDynamicCodeCompiled);

    public static int Width => 16;

    public static int MaxRows => 8;

    public static bool IsFused => IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 LoadBytes(byte* source)
    {
        var shorts = Vector256.WidenLower(Vector128.Load(source).ToVector256Unsafe()).AsInt16();
        return new(Vector512.ConvertToSingle(Vector512.WidenLower(shorts.ToVector512Unsafe()))); // Create(low, high) goes through the stack
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* target, V512 value) => value.value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* target, V512 value)
    {
        var ints = Vector512.ConvertToInt32Native(value.value);
        if (Avx512F.IsSupported)
        {
            Avx512F.ConvertToVector128Byte(ints).Store(target);
            return;
        }

        var shorts = Vector256.Narrow(ints.GetLower(), ints.GetUpper());
        Vector128.Narrow(shorts.GetLower(), shorts.GetUpper()).AsByte().Store(target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator +(V512 a, V512 b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator -(V512 a, V512 b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator *(V512 a, V512 b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator /(V512 a, V512 b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Fma(V512 a, V512 b, V512 c) => new(Vector512.MultiplyAddEstimate(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(ref V512 sum, V512 a, V512 b) => sum.value = Vector512.MultiplyAddEstimate(a.value, b.value, sum.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Sqrt(V512 a) => new(Vector512.Sqrt(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Max(V512 a, V512 b) => new(Vector512.MaxNative(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 IfGreater(V512 a, V512 b, V512 then, V512 otherwise) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(a.value, b.value), then.value, otherwise.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 IfEqual(V512 a, V512 b, V512 then, V512 otherwise) =>
        new(Vector512.ConditionalSelect(Vector512.Equals(a.value, b.value), then.value, otherwise.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTo(double* sum, V512 a)
    {
        var (low, high) = Vector512.Widen(a.value);
        (Vector512.Load(sum) + low).Store(sum);
        (Vector512.Load(sum + 8) + high).Store(sum + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProductTo(double* sum, V512 a, V512 b)
    {
        var (lowA, highA) = Vector512.Widen(a.value);
        var (lowB, highB) = Vector512.Widen(b.value);
        Vector512.MultiplyAddEstimate(lowA, lowB, Vector512.Load(sum)).Store(sum);
        Vector512.MultiplyAddEstimate(highA, highB, Vector512.Load(sum + 8)).Store(sum + 8);
    }
}
