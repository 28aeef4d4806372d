using System.Runtime.InteropServices;
using Google.Protobuf;
using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>
/// Numbers and the bytes of an ONNX tensor, which are little-endian on every machine; and where ONNX puts the weights that Keras lays out
/// otherwise. Moves values, changes no bit.
/// </summary>
internal static class TensorData
{
    private const int Taps = Conv2DLayer.KernelSize * Conv2DLayer.KernelSize;

    /// <summary>A tensor; no dims make a scalar.</summary>
    public static TensorProto Create<T>(string name, DataType type, ReadOnlySpan<T> values, params ReadOnlySpan<int> dims)
        where T : unmanaged
    {
        var tensor = new TensorProto { Name = name, DataType = (int)type, RawData = UnsafeByteOperations.UnsafeWrap(Bytes(values)) };
        foreach (int size in dims)
        {
            tensor.Dims.Add(size);
        }

        return tensor;
    }

    /// <summary>Numbers as the bytes of a file.</summary>
    public static byte[] Bytes<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        byte[] bytes = MemoryMarshal.AsBytes(values).ToArray();
        Swap(bytes, bytes.Length / Math.Max(values.Length, 1));
        return bytes;
    }

    /// <summary>The numbers of a file's bytes.</summary>
    public static T[] Values<T>(ReadOnlySpan<byte> bytes)
        where T : unmanaged
    {
        T[] values = MemoryMarshal.Cast<byte, T>(bytes).ToArray();
        Swap(MemoryMarshal.AsBytes(values.AsSpan()), bytes.Length / Math.Max(values.Length, 1));
        return values;
    }

    /// <summary>The numbers of a tensor of float32 or float16; their count is known to be right.</summary>
    public static float[] Floats(TensorProto tensor) => (DataType)tensor.DataType switch
    {
        DataType.Float16 => [.. (tensor.HasRawData ? Values<Half>(tensor.RawData.Span) : tensor.Int32Data.Select(bits => BitConverter.UInt16BitsToHalf((ushort)bits))).Select(half => (float)half)],
        DataType.Float => tensor.HasRawData ? Values<float>(tensor.RawData.Span) : [.. tensor.FloatData],
        var type => throw new InvalidOperationException($"Floats were asked of a tensor of data type {type}."),
    };

    /// <summary>The numbers of a tensor of int64, such as a shape.</summary>
    public static long[] Integers(TensorProto tensor) => tensor.HasRawData ? Values<long>(tensor.RawData.Span) : [.. tensor.Int64Data];

    /// <summary>Keras' weights as the graph has them: kernels [3, 3, in, out] as [out, in, 3, 3]; [in, out] as [out, in]; the rest as it is.</summary>
    public static float[] ToOnnx(ReadOnlySpan<float> keras, ReadOnlySpan<int> shape) => shape switch
    {
        [_, _, int inputs, int outputs] => Move(keras, inputs, outputs, Taps, toOnnx: true),
        [int inputs, int outputs] => Move(keras, inputs, outputs, 1, toOnnx: true),
        _ => keras.ToArray(),
    };

    /// <summary>The graph's weights as Keras has them; <paramref name="shape"/> is Keras'.</summary>
    public static float[] ToKeras(ReadOnlySpan<float> onnx, ReadOnlySpan<int> shape) => shape switch
    {
        [_, _, int inputs, int outputs] => Move(onnx, inputs, outputs, Taps, toOnnx: false),
        [int inputs, int outputs] => Move(onnx, inputs, outputs, 1, toOnnx: false),
        _ => onnx.ToArray(),
    };

    /// <summary>The graph's shape of a weight of Keras' shape.</summary>
    public static int[] OnnxShape(ReadOnlySpan<int> shape) => shape switch
    {
        [int height, int width, int inputs, int outputs] => [outputs, inputs, height, width],
        [int inputs, int outputs] => [outputs, inputs],
        _ => shape.ToArray(),
    };

    /// <summary>onnx[out, in, tap] and keras[tap, in, out].</summary>
    private static float[] Move(ReadOnlySpan<float> from, int inputs, int outputs, int taps, bool toOnnx)
    {
        var to = new float[from.Length];
        for (int tap = 0; tap < taps; tap++)
        {
            for (int i = 0; i < inputs; i++)
            {
                for (int o = 0; o < outputs; o++)
                {
                    int onnx = (o * inputs + i) * taps + tap, keras = (tap * inputs + i) * outputs + o;
                    (to[toOnnx ? onnx : keras]) = from[toOnnx ? keras : onnx];
                }
            }
        }

        return to;
    }

    private static void Swap(Span<byte> bytes, int size)
    {
        for (int i = 0; !BitConverter.IsLittleEndian && size > 1 && i < bytes.Length; i += size)
        {
            bytes.Slice(i, size).Reverse();
        }
    }
}
