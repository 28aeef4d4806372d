using static System.BitConverter;

namespace Cifar3.Tests;

/// <summary>
/// What PTX's instructions compute, on registers as 64 bits: numbers of 32 bits lie in the lower half, truths are 0 or 1. float32 as IEEE 754 has it, subnormals
/// included, rounded to nearest: <c>.rn</c> and no <c>.ftz</c>, which the kernels' PTX does not use.
/// </summary>
internal static class PtxArithmetic
{
    private static readonly Dictionary<string, Func<ulong, ulong, ulong, ulong>> Known = new()
    {
        ["mov.u32"] = (a, _, _) => (uint)a,
        ["mov.b32"] = (a, _, _) => (uint)a,
        ["mov.f32"] = (a, _, _) => (uint)a,
        ["mov.u64"] = (a, _, _) => a,
        ["mov.pred"] = (a, _, _) => a != 0 ? 1u : 0,
        ["add.s32"] = (a, b, _) => (uint)a + (uint)b & uint.MaxValue,
        ["sub.s32"] = (a, b, _) => unchecked((uint)a - (uint)b),
        ["add.s16"] = (a, b, _) => (ushort)(a + b),
        ["sub.s16"] = (a, b, _) => (ushort)(a - b),
        ["and.b16"] = (a, b, _) => (ushort)(a & b),
        ["shr.u16"] = (a, b, _) => (uint)b > 15 ? 0u : (ulong)((ushort)a >> (int)b),
        ["shr.s16"] = (a, b, _) => (ushort)((short)a >> (int)Math.Min((uint)b, 15)),
        ["mul.lo.s32"] = (a, b, _) => unchecked((uint)((int)a * (int)b)),
        ["mad.lo.s32"] = (a, b, c) => unchecked((uint)((int)a * (int)b + (int)c)),
        ["mul.hi.s32"] = (a, b, _) => unchecked((uint)(((long)(int)a * (int)b) >> 32)),
        ["mul.hi.u32"] = (a, b, _) => (ulong)(uint)a * (uint)b >> 32,
        ["mul.wide.s32"] = (a, b, _) => unchecked((ulong)((long)(int)a * (int)b)),
        ["mul.wide.u32"] = (a, b, _) => (ulong)(uint)a * (uint)b,
        ["div.s32"] = (a, b, _) => unchecked((uint)((int)a / (int)b)),
        ["rem.s32"] = (a, b, _) => unchecked((uint)((int)a % (int)b)),
        ["bfe.s32"] = (a, b, c) => unchecked((uint)((int)((uint)a << 32 - (int)(b + c)) >> 32 - (int)c)), // c > 0 bits from b on, b + c ≤ 32
        ["neg.s32"] = (a, _, _) => unchecked((uint)-(int)a),
        ["min.s32"] = (a, b, _) => unchecked((uint)Math.Min((int)a, (int)b)),
        ["max.s32"] = (a, b, _) => unchecked((uint)Math.Max((int)a, (int)b)),
        ["add.s64"] = (a, b, _) => unchecked(a + b),
        ["and.b32"] = (a, b, _) => (uint)(a & b),
        ["or.b32"] = (a, b, _) => (uint)(a | b),
        ["xor.b32"] = (a, b, _) => (uint)(a ^ b),
        ["not.b32"] = (a, _, _) => ~(uint)a,
        ["shl.b32"] = (a, b, _) => (uint)b > 31 ? 0 : (uint)a << (int)b,
        ["shl.b64"] = (a, b, _) => (uint)b > 63 ? 0 : a << (int)b,
        ["shr.u32"] = (a, b, _) => (uint)b > 31 ? 0 : (uint)a >> (int)b,
        ["shr.s32"] = (a, b, _) => unchecked((uint)((int)a >> (int)Math.Min((uint)b, 31))),
        ["and.pred"] = (a, b, _) => a & b,
        ["or.pred"] = (a, b, _) => a | b,
        ["xor.pred"] = (a, b, _) => a ^ b,
        ["not.pred"] = (a, _, _) => a ^ 1,
        ["selp.f32"] = (a, b, c) => (uint)(c != 0 ? a : b),
        ["selp.b32"] = (a, b, c) => (uint)(c != 0 ? a : b),
        ["selp.u32"] = (a, b, c) => (uint)(c != 0 ? a : b),
        ["selp.b64"] = (a, b, c) => c != 0 ? a : b,
        ["selp.b16"] = (a, b, c) => (ushort)(c != 0 ? a : b),
        ["selp.u16"] = (a, b, c) => (ushort)(c != 0 ? a : b),
        ["cvt.s64.s32"] = (a, _, _) => unchecked((ulong)(int)a),
        ["cvt.u32.u64"] = (a, _, _) => (uint)a,
        ["cvt.u16.u32"] = (a, _, _) => (ushort)a,
        ["cvt.s32.s16"] = (a, _, _) => unchecked((uint)(short)a),
        ["cvt.u16.u8"] = (a, _, _) => (byte)a,
        ["cvt.u32.u8"] = (a, _, _) => (byte)a,
        ["cvt.rn.f32.s32"] = (a, _, _) => Bits((int)a),
        ["cvt.rn.f32.u16"] = (a, _, _) => Bits((ushort)a),
        ["cvt.rzi.s32.f32"] = (a, _, _) => unchecked((uint)(int)Float(a)), // .NET's cast saturates, as this does
        ["cvt.rni.f32.f32"] = (a, _, _) => Bits(MathF.Round(Float(a), MidpointRounding.ToEven)),
        ["add.rn.f32"] = (a, b, _) => Bits(Float(a) + Float(b)),
        ["sub.rn.f32"] = (a, b, _) => Bits(Float(a) - Float(b)),
        ["mul.rn.f32"] = (a, b, _) => Bits(Float(a) * Float(b)),
        ["fma.rn.f32"] = (a, b, c) => Bits(MathF.FusedMultiplyAdd(Float(a), Float(b), Float(c))),
        ["div.rn.f32"] = (a, b, _) => Bits(Float(a) / Float(b)),
        ["rcp.rn.f32"] = (a, _, _) => Bits(1 / Float(a)),
        ["sqrt.rn.f32"] = (a, _, _) => Bits(MathF.Sqrt(Float(a))),
        ["neg.f32"] = (a, _, _) => Bits(-Float(a)),
    };

    /// <summary>The function of an instruction, such as <c>fma.rn.f32</c> or <c>setp.lt.s32</c>.</summary>
    /// <exception cref="NotSupportedException">It is not known: the kernels did not use it when this was written.</exception>
    public static Func<ulong, ulong, ulong, ulong> Find(string operation) =>
        Known.TryGetValue(operation, out var found) ? found
        : operation.Split('.') is ["setp", var comparison, var type] ? Comparison(comparison, type)
        : throw new NotSupportedException($"PTX instruction {operation}");

    private static Func<ulong, ulong, ulong, ulong> Comparison(string comparison, string type) => (type, comparison) switch
    {
        ("s32", "lt") => (a, b, _) => Truth((int)a < (int)b),
        ("s32", "le") => (a, b, _) => Truth((int)a <= (int)b),
        ("s32", "gt") => (a, b, _) => Truth((int)a > (int)b),
        ("s32", "ge") => (a, b, _) => Truth((int)a >= (int)b),
        ("s32" or "b32" or "u32", "eq") => (a, b, _) => Truth((uint)a == (uint)b),
        ("s32" or "b32" or "u32", "ne") => (a, b, _) => Truth((uint)a != (uint)b),
        ("u32", "lt") => (a, b, _) => Truth((uint)a < (uint)b),
        ("u32", "ge") => (a, b, _) => Truth((uint)a >= (uint)b),
        ("u32", "gt") => (a, b, _) => Truth((uint)a > (uint)b),
        ("s16", "eq") => (a, b, _) => Truth((ushort)a == (ushort)b),
        ("f32", "lt") => (a, b, _) => Truth(Float(a) < Float(b)),
        ("f32", "le") => (a, b, _) => Truth(Float(a) <= Float(b)),
        ("f32", "gt") => (a, b, _) => Truth(Float(a) > Float(b)),
        ("f32", "eq") => (a, b, _) => Truth(Float(a) == Float(b)),
        ("f32", "nan") => (a, b, _) => Truth(float.IsNaN(Float(a)) || float.IsNaN(Float(b))),
        ("f32", "leu") => (a, b, _) => Truth(!(Float(a) > Float(b))),
        _ => throw new NotSupportedException($"PTX instruction setp.{comparison}.{type}"),
    };

    private static ulong Truth(bool value) => value ? 1u : 0;

    private static float Float(ulong register) => UInt32BitsToSingle((uint)register);

    private static ulong Bits(float value) => SingleToUInt32Bits(value);
}
