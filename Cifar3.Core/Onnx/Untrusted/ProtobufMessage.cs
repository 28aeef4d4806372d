namespace Cifar3;

/// <summary>
/// What the counting pass (<see cref="ProtobufLimits"/>) must know of a message of a protobuf schema, by field number: which fields are messages and of which
/// kind, and which are lists of whole numbers.
/// </summary>
/// <remarks>
/// The same stands in protobuf's descriptors, which a test compares; but those cost a process that scores one picture a quarter of its time: hundreds of
/// methods are compiled to read them.
/// </remarks>
internal sealed class ProtobufMessage
{
    private readonly ProtobufMessage?[] messages = new ProtobufMessage?[27]; // by field number
    private uint wholeNumbers; // a bit for each field number

    /// <summary>What the messages of a field are; null where it is none, or not in the schema.</summary>
    public ProtobufMessage? MessageOf(int field) => (uint)field < (uint)messages.Length ? messages[field] : null;

    /// <summary>Whether a field is a list of whole numbers, which a file may pack.</summary>
    public bool IsListOfWholeNumbers(int field) => (uint)field < 32 && (wholeNumbers >> field & 1) != 0;

    /// <summary>Says that fields are messages of a kind.</summary>
    public ProtobufMessage Messages(ProtobufMessage kind, params ReadOnlySpan<int> fields)
    {
        foreach (int field in fields)
        {
            messages[field] = kind;
        }

        return this;
    }

    /// <summary>Says that fields are lists of whole numbers.</summary>
    public ProtobufMessage Lists(params ReadOnlySpan<int> fields)
    {
        foreach (int field in fields)
        {
            wholeNumbers |= 1u << field;
        }

        return this;
    }
}
