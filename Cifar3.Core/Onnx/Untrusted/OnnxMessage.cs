namespace Cifar3;

/// <summary>ONNX's schema for the counting pass.</summary>
internal static class OnnxMessage
{
    /// <summary>A whole file.</summary>
    public static ProtobufMessage Model { get; } = CreateModel();

    private static ProtobufMessage CreateModel()
    {
        ProtobufMessage plain = new(), tensor = new(), sparse = new(), shape = new(), type = new(), value = new(), attribute = new(), node = new(), graph = new();
        tensor.Lists(1, 5, 7, 11).Messages(plain, 3, 13, 16); // dims, int32_data, int64_data, uint64_data; segment, external_data, metadata_props
        sparse.Lists(3).Messages(tensor, 1, 2);
        shape.Messages(plain, 1);
        ProtobufMessage shaped = new(), element = new(), map = new(); // Tensor and SparseTensor; Sequence and Optional
        shaped.Messages(shape, 2);
        element.Messages(type, 1);
        map.Messages(type, 2);
        type.Messages(shaped, 1, 8).Messages(element, 4, 9).Messages(map, 5).Messages(plain, 7);
        value.Messages(type, 2).Messages(plain, 4);
        attribute.Lists(8).Messages(tensor, 5, 10).Messages(graph, 6, 11).Messages(type, 14, 15).Messages(sparse, 22, 23);
        ProtobufMessage group = new(), dim = new(), sharding = new(), device = new(), annotation = new();
        group.Lists(2);
        dim.Messages(plain, 2);
        sharding.Lists(2).Messages(group, 3).Messages(dim, 4);
        device.Messages(sharding, 2);
        node.Messages(attribute, 5).Messages(plain, 9).Messages(device, 10);
        annotation.Messages(plain, 2);
        graph.Messages(node, 1).Messages(tensor, 5).Messages(value, 11, 12, 13).Messages(annotation, 14).Messages(sparse, 15).Messages(plain, 16);
        ProtobufMessage training = new(), function = new(), model = new();
        training.Messages(graph, 1, 2).Messages(plain, 3, 4);
        function.Messages(node, 7).Messages(plain, 9, 14).Messages(attribute, 11).Messages(value, 12);
        return model.Messages(graph, 7).Messages(plain, 8, 14, 26).Messages(training, 20).Messages(function, 25);
    }
}
