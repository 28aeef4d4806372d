using Onnx;

namespace Cifar3;

/// <summary>
/// The output shapes of the operators that a graph may have: those of convolutional networks, of 32 or 8 bits.
/// Operators: <see href="https://onnx.ai/onnx/operators/"/>.
/// </summary>
internal static class GraphShapes
{
    private const int MaxKernel = 32; // the image's size

    /// <summary>The shape of a node's output; reads all its settings.</summary>
    /// <param name="node">The node.</param>
    /// <param name="inputs">Shapes of its inputs.</param>
    /// <param name="constant">An input's values where they are in the file, else null.</param>
    /// <exception cref="FormatException">The operator is none of a convolutional network, or its settings or inputs do not fit.</exception>
    public static long[] Of(GraphNode node, IReadOnlyList<long[]> inputs, Func<int, TensorProto?> constant)
    {
        switch (node.Operator)
        {
            case "Identity" or "Relu" or "Sigmoid" or "Tanh" or "Dropout":
                Count(1, 1);
                node.Integer("seed", 0, long.MinValue, long.MaxValue);
                node.Number("ratio");
                return inputs[0];
            case "Cast":
                Count(1, 1);
                node.Integer("to", 0, (long)TensorProto.Types.DataType.Float, (long)TensorProto.Types.DataType.Float);
                return inputs[0];
            case "QuantizeLinear" or "DequantizeLinear":
                return Quantized();
            case "Softmax":
                Count(1, 1);
                node.Integer("axis", -1, -inputs[0].Length, inputs[0].Length - 1);
                return inputs[0];
            case "Transpose":
                Count(1, 1);
                long[] order = node.Integers("perm", [.. Enumerable.Range(0, inputs[0].Length).Select(i => (long)i).Reverse()], 0, inputs[0].Length - 1);
                return order.Distinct().Count() == order.Length ? [.. order.Select(axis => inputs[0][axis])] : throw node.Wrong("each axis once", GraphCheck.Print(order));
            case "Conv":
                return Convolution();
            case "MaxPool" or "AveragePool":
                return Pooling();
            case "GlobalAveragePool":
                Count(1, 1);
                Rank(4);
                return [inputs[0][0], inputs[0][1], 1, 1];
            case "BatchNormalization":
                return Normalization();
            case "Add" or "Sub" or "Mul" or "Div":
                Count(2, 2);
                return Broadcast(inputs[0], inputs[1]);
            case "MatMul":
                Count(2, 2);
                return Product(inputs[0], inputs[1]);
            case "Gemm":
                return Dense();
            case "Flatten":
                Count(1, 1);
                int axis = (int)node.Integer("axis", 1, 1, inputs[0].Length);
                return [Size(inputs[0].Take(axis)), Size(inputs[0].Skip(axis))];
            case "Reshape":
                return Reshaped();
            default:
                throw node.Wrong("an operator of a convolutional network", Shown.Text(node.Operator));
        }

        long[] Convolution()
        {
            Count(2, 3);
            Rank(4);
            long[] kernel = Weight(1, 4);
            long groups = node.Integer("group", 1, 1, inputs[0][1]);
            if (kernel[1] * groups != inputs[0][1] || kernel[0] % groups != 0 || (inputs.Count == 3 && !Weight(2, 1).SequenceEqual([kernel[0]])))
            {
                throw node.Wrong($"kernels for {inputs[0][1]} channels in {groups} groups with one bias each", GraphCheck.Print(kernel));
            }

            long[] window = [kernel[2], kernel[3]], size = node.Integers("kernel_shape", window, 1, MaxKernel);
            return size.SequenceEqual(window) ? [inputs[0][0], kernel[0], .. Window(size, ceiling: false)] : throw node.Wrong($"kernel_shape {GraphCheck.Print(window)}", GraphCheck.Print(size));
        }

        long[] Pooling()
        {
            Count(1, 1);
            Rank(4);
            long[] size = node.Integers("kernel_shape", [0, 0], 1, MaxKernel);
            node.Integer("storage_order", 0, 0, 0);
            node.Integer("count_include_pad", 0, 0, 1);
            return [inputs[0][0], inputs[0][1], .. Window(size, node.Integer("ceil_mode", 0, 0, 1) == 1)];
        }

        // Height and width after a window moves over the picture.
        long[] Window(long[] size, bool ceiling)
        {
            node.Text("auto_pad", "NOTSET");
            long[] strides = node.Integers("strides", [1, 1], 1, MaxKernel), dilations = node.Integers("dilations", [1, 1], 1, MaxKernel);
            long[] pads = node.Integers("pads", [0, 0, 0, 0], 0, MaxKernel);
            return [Along(0), Along(1)];

            long Along(int axis)
            {
                long covered = (size[axis] - 1) * dilations[axis] + 1, length = inputs[0][2 + axis] + pads[axis] + pads[2 + axis];
                return length >= covered && Math.Max(pads[axis], pads[2 + axis]) < covered
                    ? (length - covered + (ceiling ? strides[axis] - 1 : 0)) / strides[axis] + 1
                    : throw node.Wrong($"a window that fits into {inputs[0][2 + axis]} pixels with less padding than itself", $"{covered} and {pads[axis]}, {pads[2 + axis]}");
            }
        }

        long[] Normalization()
        {
            Count(5, 5);
            Rank(4);
            node.Number("epsilon");
            node.Number("momentum");
            node.Integer("spatial", 1, 1, 1);
            node.Integer("training_mode", 0, 0, 0);
            for (int i = 1; i < 5; i++)
            {
                if (Weight(i, 1)[0] != inputs[0][1])
                {
                    throw node.Wrong($"{inputs[0][1]} values", GraphCheck.Print(inputs[i]));
                }
            }

            return inputs[0];
        }

        // One scale for all, or one for each index of an axis.
        long[] Quantized()
        {
            Count(2, 3);
            long rank = inputs[0].Length, axis = node.Integer("axis", Math.Min(1, rank - 1), -rank, rank - 1);
            bool fits = inputs[1] is [] or [1] || inputs[1].SequenceEqual([inputs[0][(axis + rank) % rank]]);
            return fits && constant(1)?.DataType == (int)TensorProto.Types.DataType.Float && (inputs.Count == 2 || (constant(2) is not null && inputs[2].SequenceEqual(inputs[1])))
                ? inputs[0]
                : throw node.Wrong($"scales and zero points in the file that fit {GraphCheck.Print(inputs[0])}", GraphCheck.Print(inputs[1]));
        }

        long[] Dense()
        {
            Count(2, 3);
            node.Number("alpha");
            node.Number("beta");
            long[] a = Turned("transA", inputs[0]), product = Product(a, Turned("transB", inputs[1]));
            return inputs.Count < 3 || Broadcast(product, inputs[2]).SequenceEqual(product) ? product : throw node.Wrong($"a bias for {GraphCheck.Print(product)}", GraphCheck.Print(inputs[2]));

            long[] Turned(string name, long[] matrix) => node.Integer(name, 0, 0, 1) == 1 ? [.. matrix.Reverse()] : matrix;
        }

        long[] Reshaped()
        {
            Count(2, 2);
            node.Integer("allowzero", 0, 0, 0);
            if (constant(1) is not { DataType: (int)TensorProto.Types.DataType.Int64 } target || target.Dims.Count != 1 || target.Dims[0] > 5)
            {
                throw node.Wrong("a shape in the file, of int64", GraphCheck.Print(inputs[1]));
            }

            long[] shape = [.. GraphTensor.Integers(target).Select((size, i) => size == 0 && i < inputs[0].Length ? inputs[0][i] : size)];
            long known = Size(shape.Where(size => size > 0)), all = Size(inputs[0]);
            if (shape.Count(size => size == -1) == 1 && shape.All(size => size is -1 or > 0) && known > 0 && all % known == 0)
            {
                return [.. shape.Select(size => size == -1 ? all / known : size)];
            }

            return shape.All(size => size > 0) && known == all ? shape : throw node.Wrong($"a shape of {all:N0} numbers", GraphCheck.Print(shape));
        }

        long[] Product(long[] a, long[] b) => a.Length == 2 && b.Length == 2 && a[1] == b[0]
            ? [a[0], b[1]]
            : throw node.Wrong("two matrices that fit", $"{GraphCheck.Print(a)} and {GraphCheck.Print(b)}");

        long[] Broadcast(long[] a, long[] b)
        {
            var shape = new long[Math.Max(a.Length, b.Length)];
            for (int i = 1; i <= shape.Length; i++)
            {
                long x = i <= a.Length ? a[^i] : 1, y = i <= b.Length ? b[^i] : 1;
                shape[^i] = x == y || y == 1 ? x : x == 1 ? y : throw node.Wrong("shapes that fit", $"{GraphCheck.Print(a)} and {GraphCheck.Print(b)}");
            }

            return shape;
        }

        // A float32 input that is in the file.
        long[] Weight(int index, int rank) => constant(index) is { DataType: (int)TensorProto.Types.DataType.Float } && inputs[index].Length == rank
            ? inputs[index]
            : throw node.Wrong($"weights of {rank} dimensions in the file as input {index + 1}", GraphCheck.Print(inputs[index]));

        void Rank(int rank)
        {
            if (inputs[0].Length != rank || constant(0) is not null)
            {
                throw node.Wrong($"an input of {rank} dimensions", GraphCheck.Print(inputs[0]));
            }
        }

        void Count(int least, int most)
        {
            if (inputs.Count < least || inputs.Count > most)
            {
                throw node.Wrong(least == most ? $"{least} inputs" : $"{least} to {most} inputs", $"{inputs.Count}");
            }
        }
    }

    /// <summary>Product of sizes; −1 where it is beyond any that fits.</summary>
    private static long Size(IEnumerable<long> shape) => shape.Aggregate(1.0, (product, size) => product * size) is <= 1L << 40 and var size ? (long)size : -1;
}
