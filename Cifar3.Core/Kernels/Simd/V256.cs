using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cifar3;

/// <summary>8 floats: AVX2.</summary>
internal unsafe struct V256(Vector256<float> value) : ISimd<V256>
{
    private Vector256<float> value = value; // mutable for Accumulate alone

    public static string Name => "AVX2";

    public static bool IsSupported => Vector256.IsHardwareAccelerated;

    public static int Width => 8;

    public static int MaxRows => 6;

    public static bool IsFused => IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 LoadBytes(byte* source)
    {
        var shorts = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsByte()).AsInt16();
        return new(Vector256.ConvertToSingle(Vector256.WidenLower(shorts.ToVector256Unsafe())));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Broadcast(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* target, V256 value) => value.value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* target, V256 value)
    {
        var ints = Vector256.ConvertToInt32Native(value.value);
        var shorts = Vector128.NarrowWithSaturation(ints.GetLower(), ints.GetUpper());
        var bytes = Sse2.IsSupported ? Sse2.PackUnsignedSaturate(shorts, shorts) : Vector128.Narrow(shorts.AsUInt16(), shorts.AsUInt16());
        *(ulong*)target = bytes.AsUInt64().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator +(V256 a, V256 b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator -(V256 a, V256 b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator *(V256 a, V256 b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator /(V256 a, V256 b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Fma(V256 a, V256 b, V256 c) => new(Vector256.MultiplyAddEstimate(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Accumulate(ref V256 sum, V256 a, V256 b) => sum.value = Vector256.MultiplyAddEstimate(a.value, b.value, sum.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Sqrt(V256 a) => new(Vector256.Sqrt(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Max(V256 a, V256 b) => new(Vector256.MaxNative(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 IfGreater(V256 a, V256 b, V256 then, V256 otherwise) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(a.value, b.value), then.value, otherwise.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 IfEqual(V256 a, V256 b, V256 then, V256 otherwise) =>
        new(Vector256.ConditionalSelect(Vector256.Equals(a.value, b.value), then.value, otherwise.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTo(double* sum, V256 a)
    {
        var (low, high) = Vector256.Widen(a.value);
        (Vector256.Load(sum) + low).Store(sum);
        (Vector256.Load(sum + 4) + high).Store(sum + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProductTo(double* sum, V256 a, V256 b)
    {
        var (lowA, highA) = Vector256.Widen(a.value);
        var (lowB, highB) = Vector256.Widen(b.value);
        Vector256.MultiplyAddEstimate(lowA, lowB, Vector256.Load(sum)).Store(sum);
        Vector256.MultiplyAddEstimate(highA, highB, Vector256.Load(sum + 4)).Store(sum + 4);
    }
}
