using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using X86Fma = System.Runtime.Intrinsics.X86.Fma;

namespace Cifar3;

/// <summary>4 floats: NEON on Arm64, SSE on x86.</summary>
internal unsafe struct V128(Vector128<float> value) : ISimd<V128>
{
    private Vector128<float> value = value; // mutable for Accumulate alone

    public static string Name => AdvSimd.IsSupported ? "NEON" : "SSE";

    public static bool IsSupported => Vector128.IsHardwareAccelerated;

    public static int Width => 4;

    public static int MaxRows => AdvSimd.IsSupported ? 8 : 6;

    public static bool IsFused => AdvSimd.IsSupported || X86Fma.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 LoadBytes(byte* source)
    {
        var shorts = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(uint*)source).AsByte()).AsInt16();
        return new(Vector128.ConvertToSingle(Vector128.WidenLower(shorts)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Broadcast(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* target, V128 value) => value.value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* target, V128 value)
    {
        var ints = Vector128.ConvertToInt32Native(value.value);
        var shorts = Vector128.Narrow(ints, ints);
        *(uint*)target = Vector128.Narrow(shorts, shorts).AsUInt32().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator +(V128 a, V128 b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator -(V128 a, V128 b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator *(V128 a, V128 b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator /(V128 a, V128 b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Fma(V128 a, V128 b, V128 c) => new(Vector128.MultiplyAddEstimate(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(ref V128 sum, V128 a, V128 b) => sum.value = Vector128.MultiplyAddEstimate(a.value, b.value, sum.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Sqrt(V128 a) => new(Vector128.Sqrt(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Max(V128 a, V128 b) => new(Vector128.MaxNative(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 IfGreater(V128 a, V128 b, V128 then, V128 otherwise) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(a.value, b.value), then.value, otherwise.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 IfEqual(V128 a, V128 b, V128 then, V128 otherwise) =>
        new(Vector128.ConditionalSelect(Vector128.Equals(a.value, b.value), then.value, otherwise.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTo(double* sum, V128 a)
    {
        var (low, high) = Vector128.Widen(a.value);
        (Vector128.Load(sum) + low).Store(sum);
        (Vector128.Load(sum + 2) + high).Store(sum + 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProductTo(double* sum, V128 a, V128 b)
    {
        var (lowA, highA) = Vector128.Widen(a.value);
        var (lowB, highB) = Vector128.Widen(b.value);
        Vector128.MultiplyAddEstimate(lowA, lowB, Vector128.Load(sum)).Store(sum);
        Vector128.MultiplyAddEstimate(highA, highB, Vector128.Load(sum + 2)).Store(sum + 2);
    }
}
