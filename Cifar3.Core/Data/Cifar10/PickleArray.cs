namespace Cifar3;

/// <summary>
/// A NumPy array of bytes in a pickle. NumPy pickles one as: make an empty array, <c>_reconstruct(ndarray, (0,), 'b')</c>, then set its state
/// <c>(1, shape, dtype('u1'), is_fortran, data)</c>; the type likewise: <c>dtype('u1', 0, 1)</c> and a state that says how it is laid out.
/// </summary>
internal sealed class PickleArray
{
    private sealed record Global(string Name);

    private sealed record ByteType;

    private static readonly Global Reconstruct = new("numpy.core.multiarray _reconstruct"), NdArray = new("numpy ndarray"), DType = new("numpy dtype");

    /// <summary>Length along each axis.</summary>
    public IReadOnlyList<long> Shape { get; private set; } = [0];

    /// <summary>The elements, last axis fastest.</summary>
    public ReadOnlyMemory<byte> Data { get; private set; }

    /// <summary>The function of a name such as <c>numpy dtype</c>; null for all but the three known ones.</summary>
    public static object? Function(string name) => new[] { Reconstruct, NdArray, DType }.FirstOrDefault(g => g.Name == name);

    /// <summary>What a function gives for its arguments; null for all but the two calls above.</summary>
    public static object? Call(object? function, object? arguments)
    {
        if (ReferenceEquals(function, Reconstruct) && arguments is object?[] and [Global type, object?[] and [0L], PickleBytes { Text: "b" }] && type == NdArray)
        {
            return new PickleArray();
        }

        return ReferenceEquals(function, DType) && arguments is object?[] and [PickleBytes { Text: "u1" }, 0L, 1L] ? new ByteType() : null;
    }

    /// <summary>Sets the state of an array or a type.</summary>
    /// <returns>False when it is anything but an array of bytes whose data fits its shape.</returns>
    public static bool SetState(object? target, object? state)
    {
        if (target is ByteType)
        {
            return state is object?[] and [3L, PickleBytes { Text: "|" }, null, null, null, -1L, -1L, 0L];
        }

        if (target is not PickleArray array || state is not (object?[] and [1L, object?[] shape, ByteType, false, PickleBytes data]))
        {
            return false;
        }

        // Each length is at most 2³¹ − 1, so four axes could overflow; the files have two.
        if (shape.Length is 0 or > 2 || !shape.All(length => length is >= 0L) || shape.Aggregate(1L, (product, length) => product * (long)length!) != data.Bytes.Length)
        {
            return false;
        }

        (array.Shape, array.Data) = ([.. shape.Select(length => (long)length!)], data.Bytes);
        return true;
    }
}
