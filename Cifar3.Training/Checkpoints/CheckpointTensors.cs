using System.Runtime.InteropServices;
using Google.Protobuf;

namespace Cifar3.Training;

/// <summary>Tensors in a checkpoint: written as little-endian float32, read back only where name, order, size and values are what the network has.</summary>
internal static class CheckpointTensors
{
    public static TensorData Write(WeightTensor tensor)
    {
        var bytes = new byte[4 * tensor.Count];
        for (int i = 0; i < tensor.Count && !BitConverter.IsLittleEndian; i++)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(4 * i), tensor.Values[i]);
        }

        if (BitConverter.IsLittleEndian)
        {
            MemoryMarshal.AsBytes(tensor.Values).CopyTo(bytes);
        }

        return new TensorData { Name = tensor.Name, Values = UnsafeByteOperations.UnsafeWrap(bytes) };
    }

    public static ModelData Write(CnnModel model)
    {
        var data = new ModelData { Epoch = model.Metadata.Epoch };
        data.Weights.AddRange(model.Weights.Select(Write));
        return data;
    }

    /// <summary>Reads tensors that must be those of <paramref name="expected"/>, in that order.</summary>
    /// <exception cref="InvalidDataException">They are not.</exception>
    public static IReadOnlyList<WeightTensor> Read(IReadOnlyList<TensorData> tensors, IReadOnlyList<WeightTensor> expected)
    {
        if (tensors.Count != expected.Count)
        {
            throw new InvalidDataException($"expected {expected.Count} tensors, found {tensors.Count}");
        }

        return [.. tensors.Zip(expected, Read)];
    }

    /// <summary>Reads a model's epoch and weights.</summary>
    /// <exception cref="InvalidDataException">They do not belong to the network or to the history.</exception>
    public static (int Epoch, IReadOnlyList<WeightTensor> Weights) Read(ModelData data, CnnModel model, int epochs) =>
        data.Epoch >= 0 && data.Epoch <= epochs
            ? (data.Epoch, Read(data.Weights, model.Weights))
            : throw new InvalidDataException($"expected a model of epoch 0 to {epochs}, found epoch {data.Epoch}");

    private static WeightTensor Read(TensorData data, WeightTensor expected)
    {
        if (data.Name != expected.Name || data.Values.Length != 4L * expected.Count)
        {
            throw new InvalidDataException($"expected tensor '{expected.Name}' of {expected.Count:N0} numbers, found '{data.Name}' of {data.Values.Length / 4:N0}");
        }

        var values = new float[expected.Count];
        data.Values.Span.CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
        for (int i = 0; i < values.Length && !BitConverter.IsLittleEndian; i++)
        {
            values[i] = System.Buffers.Binary.BinaryPrimitives.ReadSingleLittleEndian(data.Values.Span[(4 * i)..]);
        }

        int bad = values.AsSpan().IndexOfAnyExceptInRange(float.MinValue, float.MaxValue);
        return bad < 0 ? new WeightTensor(expected.Name, expected.Shape, values) : throw new InvalidDataException($"number {bad:N0} of tensor '{data.Name}' is {values[bad]}");
    }
}
