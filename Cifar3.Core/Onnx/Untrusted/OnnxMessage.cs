namespace Cifar3;

/// <summary>
/// What the counting pass must know of ONNX's schema, by field number: which fields are messages and of which kind, and which are lists of whole numbers.
/// </summary>
/// <remarks>
/// The same stands in protobuf's descriptors, which a test compares; but those cost a process that scores one picture a quarter of its time: hundreds of
/// methods are compiled to read them.
/// </remarks>
internal sealed class OnnxMessage
{
    private readonly OnnxMessage?[] messages = new OnnxMessage?[27]; // by field number
    private uint wholeNumbers; // a bit for each field number

    /// <summary>A whole file.</summary>
    public static OnnxMessage Model { get; } = CreateModel();

    /// <summary>What the messages of a field are; null where it is none, or not in the schema.</summary>
    public OnnxMessage? MessageOf(int field) => (uint)field < (uint)messages.Length ? messages[field] : null;

    /// <summary>Whether a field is a list of whole numbers, which a file may pack.</summary>
    public bool IsListOfWholeNumbers(int field) => (uint)field < 32 && (wholeNumbers >> field & 1) != 0;

    private static OnnxMessage CreateModel()
    {
        OnnxMessage plain = new(), tensor = new(), sparse = new(), shape = new(), type = new(), value = new(), attribute = new(), node = new(), graph = new();
        tensor.Lists(1, 5, 7, 11).Messages(plain, 3, 13, 16); // dims, int32_data, int64_data, uint64_data; segment, external_data, metadata_props
        sparse.Lists(3).Messages(tensor, 1, 2);
        shape.Messages(plain, 1);
        OnnxMessage shaped = new(), element = new(), map = new(); // Tensor and SparseTensor; Sequence and Optional
        shaped.Messages(shape, 2);
        element.Messages(type, 1);
        map.Messages(type, 2);
        type.Messages(shaped, 1, 8).Messages(element, 4, 9).Messages(map, 5).Messages(plain, 7);
        value.Messages(type, 2).Messages(plain, 4);
        attribute.Lists(8).Messages(tensor, 5, 10).Messages(graph, 6, 11).Messages(type, 14, 15).Messages(sparse, 22, 23);
        OnnxMessage group = new(), dim = new(), sharding = new(), device = new(), annotation = new();
        group.Lists(2);
        dim.Messages(plain, 2);
        sharding.Lists(2).Messages(group, 3).Messages(dim, 4);
        device.Messages(sharding, 2);
        node.Messages(attribute, 5).Messages(plain, 9).Messages(device, 10);
        annotation.Messages(plain, 2);
        graph.Messages(node, 1).Messages(tensor, 5).Messages(value, 11, 12, 13).Messages(annotation, 14).Messages(sparse, 15).Messages(plain, 16);
        OnnxMessage training = new(), function = new(), model = new();
        training.Messages(graph, 1, 2).Messages(plain, 3, 4);
        function.Messages(node, 7).Messages(plain, 9, 14).Messages(attribute, 11).Messages(value, 12);
        return model.Messages(graph, 7).Messages(plain, 8, 14, 26).Messages(training, 20).Messages(function, 25);
    }

    private OnnxMessage Messages(OnnxMessage kind, params ReadOnlySpan<int> fields)
    {
        foreach (int field in fields)
        {
            messages[field] = kind;
        }

        return this;
    }

    private OnnxMessage Lists(params ReadOnlySpan<int> fields)
    {
        foreach (int field in fields)
        {
            wholeNumbers |= 1u << field;
        }

        return this;
    }
}
