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
    /// <param name="tensors">The tensors.</param>
    /// <param name="expected">The network's.</param>
    /// <param name="areSquares">Whether they are means of squares, as Adam's second moments are: 0 or more, for a root is taken of them. Default: false.</param>
    /// <exception cref="InvalidDataException">They are not.</exception>
    public static IReadOnlyList<WeightTensor> Read(IReadOnlyList<TensorData> tensors, IReadOnlyList<WeightTensor> expected, bool areSquares = false)
    {
        if (tensors.Count != expected.Count)
        {
            throw new InvalidDataException($"expected {expected.Count} tensors, found {tensors.Count}");
        }

        return [.. tensors.Zip(expected, (data, tensor) => Read(data, tensor, areSquares || tensor.Name.EndsWith("/moving_variance", StringComparison.Ordinal) ? 0 : float.MinValue))];
    }

    /// <summary>Reads a model's epoch and weights.</summary>
    /// <param name="data">The model.</param>
    /// <param name="model">The network.</param>
    /// <param name="epochs">Epochs done.</param>
    /// <param name="first">The first epoch that it may be of. Default: 0, the initial weights.</param>
    /// <exception cref="InvalidDataException">They do not belong to the network or to the history.</exception>
    public static (int Epoch, IReadOnlyList<WeightTensor> Weights) Read(ModelData data, CnnModel model, int epochs, int first = 0) =>
        data.Epoch >= first && data.Epoch <= epochs
            ? (data.Epoch, Read(data.Weights, model.Weights))
            : throw new InvalidDataException($"expected a model of epoch {first} to {epochs}, found epoch {data.Epoch}");

    private static WeightTensor Read(TensorData data, WeightTensor expected, float least)
    {
        if (data.Name != expected.Name || data.Values.Length != 4L * expected.Count)
        {
            throw new InvalidDataException($"expected tensor '{expected.Name}' of {expected.Count:N0} numbers, found '{Shown.Text(data.Name)}' of {data.Values.Length / 4:N0}");
        }

        var values = new float[expected.Count];
        data.Values.Span.CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
        for (int i = 0; i < values.Length && !BitConverter.IsLittleEndian; i++)
        {
            values[i] = System.Buffers.Binary.BinaryPrimitives.ReadSingleLittleEndian(data.Values.Span[(4 * i)..]);
        }

        int bad = values.AsSpan().IndexOfAnyExceptInRange(least, float.MaxValue);
        return bad < 0 ? new WeightTensor(expected.Name, expected.Shape, values) : throw new InvalidDataException($"number {bad:N0} of tensor '{data.Name}' is {values[bad]}, not a finite number{(least == 0 ? " of 0 or more" : "")}");
    }
}
