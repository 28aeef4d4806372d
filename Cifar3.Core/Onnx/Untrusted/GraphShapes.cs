using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>A tensor of a graph as far as it is known without computing: shape, type, and whether it depends on the image.</summary>
internal sealed record GraphValue(long[] Shape, DataType Type, bool IsConstant)
{
    /// <summary>Numbers in it.</summary>
    public double Size => Shape.Aggregate(1.0, (product, size) => product * size);

    /// <summary>Whether it is float32 or float16.</summary>
    public bool IsFloat => Type is DataType.Float or DataType.Float16;
}

/// <summary>
/// What the operators that a graph may have put out, and what they cost: those of convolutional networks, of 32, 16 or 8 bits.
/// Operators: <see href="https://onnx.ai/onnx/operators/"/>.
/// </summary>
internal static class GraphShapes
{
    /// <summary>The longest side of a kernel: the image's size.</summary>
    public const int MaxKernel = 32;

    /// <summary>Shape and type of a node's output, and its work in multiplications or as much; reads all its settings.</summary>
    /// <param name="node">The node.</param>
    /// <param name="inputs">Its inputs.</param>
    /// <param name="constant">An input's values where they are in the file, else null.</param>
    /// <exception cref="FormatException">The operator is none of a convolutional network, or its settings or inputs do not fit.</exception>
    public static (long[] Shape, DataType Type, double Operations) Of(GraphNode node, IReadOnlyList<GraphValue> inputs, Func<int, TensorProto?> constant)
    {
        Count(1, 5);
        var input = inputs[0];
        double window = 1; // multiplications for each number put out
        long[] shape;
        var type = input.Type;
        switch (node.Operator)
        {
            case "Identity":
                Count(1, 1);
                shape = input.Shape;
                break;
            case "Relu" or "Sigmoid" or "Tanh" or "Dropout" or "LeakyRelu" or "Elu":
                Count(1, 1);
                Floats(1);
                node.Integer("seed", 0, long.MinValue, long.MaxValue);
                node.Number("ratio");
                node.Number("alpha");
                shape = input.Shape;
                break;
            case "Clip":
                Count(1, 3);
                Floats(inputs.Count);
                node.Number("min");
                node.Number("max");
                shape = inputs.Skip(1).All(bound => bound.Shape.Length == 0) ? input.Shape : throw node.Wrong("bounds of one number", GraphCheck.Print(inputs[^1].Shape));
                break;
            case "Cast":
                Count(1, 1);
                type = (DataType)node.Integer("to", 0, (long)DataType.Float, (long)DataType.Float16);
                node.Integer("saturate", 1, 0, 1);
                shape = type is DataType.Float or DataType.Float16 or DataType.Uint8 or DataType.Int32 ? input.Shape : throw node.Wrong("a cast to float32, float16, uint8 or int32", $"{type}");
                break;
            case "QuantizeLinear" or "DequantizeLinear":
                shape = Quantized();
                break;
            case "Softmax" or "LogSoftmax":
                Count(1, 1);
                Floats(1);
                long over = node.Integer("axis", -1, -input.Shape.Length, input.Shape.Length - 1);
                shape = input.IsConstant || (over != 0 && over != -input.Shape.Length) ? input.Shape : throw node.Wrong("an axis of one image", $"{over}, the images'");
                break;
            case "Transpose":
                Count(1, 1);
                long[] order = node.Integers("perm", [.. Enumerable.Range(0, input.Shape.Length).Select(i => (long)i).Reverse()], 0, input.Shape.Length - 1);
                shape = order.Distinct().Count() == order.Length ? [.. order.Select(axis => input.Shape[axis])] : throw node.Wrong("each axis once", GraphCheck.Print(order));
                if (!input.IsConstant && order is not [0, ..])
                {
                    throw node.Wrong("the images' axis in its place", GraphCheck.Print(order)); // behind it nodes could compute over several
                }

                break;
            case "Conv":
                shape = Convolution();
                break;
            case "MaxPool" or "AveragePool":
                shape = Pooling();
                break;
            case "GlobalAveragePool" or "GlobalMaxPool":
                Count(1, 1);
                Picture();
                shape = [input.Shape[0], input.Shape[1], 1, 1];
                break;
            case "ReduceMean" or "ReduceMax" or "Squeeze":
                shape = Reduced();
                break;
            case "BatchNormalization":
                shape = Normalization();
                break;
            case "Add" or "Sub" or "Mul" or "Div":
                Count(2, 2);
                shape = inputs[1].Type == type ? Broadcast(input.Shape, inputs[1].Shape) : throw node.Wrong("two inputs of one type", $"{type} and {inputs[1].Type}");
                break;
            case "MatMul":
                Count(2, 2);
                Floats(2);
                shape = Product(input.Shape, inputs[1].Shape);
                window = input.Shape[1];
                break;
            case "Gemm":
                shape = Dense();
                break;
            case "Flatten":
                Count(1, 1);
                int axis = (int)node.Integer("axis", 1, 1, input.Shape.Length);
                shape = [Size(input.Shape.Take(axis)), Size(input.Shape.Skip(axis))];
                break;
            case "Reshape":
                shape = Reshaped();
                break;
            default:
                throw node.Operator == "Shape"
                    ? node.Wrong("sizes that stand in the file", "Shape, which computes sizes while it runs. In PyTorch write torch.flatten(x, 1) for x.view(x.size(0), -1), or export for one image (without dynamic_axes)")
                    : node.Wrong("an operator of a convolutional network", Shown.Text(node.Operator));
        }

        double size = shape.Aggregate(1.0, (product, dim) => product * dim);
        return (shape, type, Math.Max(size * window, input.Size));

        long[] Convolution()
        {
            Count(2, 3);
            Picture();
            long[] kernel = Weight(1, 4);
            long groups = node.Integer("group", 1, 1, input.Shape[1]);
            if (kernel[1] * groups != input.Shape[1] || kernel[0] % groups != 0 || (inputs.Count == 3 && !Weight(2, 1).SequenceEqual([kernel[0]])))
            {
                throw node.Wrong($"kernels for {input.Shape[1]} channels in {groups} groups with one bias each", GraphCheck.Print(kernel));
            }

            long[] tile = [kernel[2], kernel[3]], given = node.Integers("kernel_shape", tile, 1, MaxKernel);
            window = (double)kernel[1] * kernel[2] * kernel[3];
            return given.SequenceEqual(tile) ? [input.Shape[0], kernel[0], .. Slide(given, ceiling: false)] : throw node.Wrong($"kernel_shape {GraphCheck.Print(tile)}", GraphCheck.Print(given));
        }

        long[] Pooling()
        {
            Count(1, 1);
            Picture(orBytes: node.Operator == "MaxPool");
            long[] tile = node.Integers("kernel_shape", [0, 0], 1, MaxKernel);
            node.Integer("storage_order", 0, 0, 0);
            node.Integer("count_include_pad", 0, 0, 1);
            window = (double)tile[0] * tile[1];
            return [input.Shape[0], input.Shape[1], .. Slide(tile, node.Integer("ceil_mode", 0, 0, 1) == 1)];
        }

        // Height and width after a window moves over the picture.
        long[] Slide(long[] tile, bool ceiling)
        {
            string padding = node.Text("auto_pad", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER");
            long[] strides = node.Integers("strides", [1, 1], 1, MaxKernel), dilations = node.Integers("dilations", [1, 1], 1, MaxKernel);
            long[] pads = node.Integers("pads", [0, 0, 0, 0], 0, padding == "NOTSET" ? MaxKernel : 0);
            return [Along(0), Along(1)];

            long Along(int axis)
            {
                long covered = (tile[axis] - 1) * dilations[axis] + 1, length = input.Shape[2 + axis] + pads[axis] + pads[2 + axis];
                if (padding.StartsWith("SAME", StringComparison.Ordinal) && dilations[axis] == 1)
                {
                    return (length + strides[axis] - 1) / strides[axis];
                }

                long count = (length - covered + (ceiling ? strides[axis] - 1 : 0)) / strides[axis] + 1;
                if (ceiling && (count - 1) * strides[axis] >= input.Shape[2 + axis] + pads[axis])
                {
                    count--; // a window that would begin behind the picture
                }

                return length >= covered && Math.Max(pads[axis], pads[2 + axis]) < covered
                    ? count
                    : throw node.Wrong($"a window that fits into {input.Shape[2 + axis]} pixels with less padding than itself", $"{covered} and {pads[axis]}, {pads[2 + axis]}");
            }
        }

        long[] Normalization()
        {
            Count(5, 5);
            Picture();
            node.Number("epsilon");
            node.Number("momentum");
            node.Integer("spatial", 1, 1, 1);
            node.Integer("training_mode", 0, 0, 0);
            for (int i = 1; i < 5; i++)
            {
                if (Weight(i, 1)[0] != input.Shape[1])
                {
                    throw node.Wrong($"{input.Shape[1]} values", GraphCheck.Print(inputs[i].Shape));
                }
            }

            return input.Shape;
        }

        // One scale for all, or one for each index of an axis.
        long[] Quantized()
        {
            Count(2, 3);
            bool quantizes = node.Operator == "QuantizeLinear";
            long rank = input.Shape.Length, axis = node.Integer("axis", Math.Min(1, rank - 1), -rank, Math.Max(rank - 1, 0));
            long[] scales = inputs[1].Shape;
            bool fits = scales is [] or [1] || (rank > 0 && scales.SequenceEqual([input.Shape[(axis + rank) % rank]]));
            var bytes = inputs.Count == 3 ? inputs[2].Type : DataType.Uint8;
            if (!fits || constant(1)?.DataType != (int)DataType.Float || (inputs.Count == 3 && (constant(2) is null || !inputs[2].Shape.SequenceEqual(scales))))
            {
                throw node.Wrong($"scales and zero points in the file that fit {GraphCheck.Print(input.Shape)}", GraphCheck.Print(scales));
            }

            if (quantizes ? type != DataType.Float || bytes is not (DataType.Uint8 or DataType.Int8) : type is not (DataType.Uint8 or DataType.Int8 or DataType.Int32) || (inputs.Count == 3 && bytes != type))
            {
                throw node.Wrong("float32 on one side and 8 bits on the other", $"{type} and {bytes}");
            }

            type = quantizes ? bytes : DataType.Float;
            return input.Shape;
        }

        long[] Dense()
        {
            Count(2, 3);
            Floats(inputs.Count);
            node.Number("alpha");
            node.Number("beta");
            long[] a = Turned("transA", input.Shape), product = Product(a, Turned("transB", inputs[1].Shape));
            window = a[1];
            return inputs.Count < 3 || Broadcast(product, inputs[2].Shape).SequenceEqual(product) ? product : throw node.Wrong($"a bias for {GraphCheck.Print(product)}", GraphCheck.Print(inputs[2].Shape));

            long[] Turned(string name, long[] matrix) => node.Integer(name, 0, 0, 1) == 1 ? [.. matrix.Reverse()] : matrix;
        }

        long[] Reshaped()
        {
            Count(2, 2);
            node.Integer("allowzero", 0, 0, 0);
            if (constant(1) is not { DataType: (int)DataType.Int64 } target || target.Dims.Count != 1 || target.Dims[0] > 5)
            {
                throw node.Wrong("a shape in the file, of int64", GraphCheck.Print(inputs[1].Shape));
            }

            long[] asked = [.. TensorData.Integers(target).Select((size, i) => size == 0 && i < input.Shape.Length ? input.Shape[i] : size)];
            long known = Size(asked.Where(size => size > 0)), all = Size(input.Shape);
            if (asked.Count(size => size == -1) == 1 && asked.All(size => size is -1 or > 0) && known > 0 && all % known == 0)
            {
                return [.. asked.Select(size => size == -1 ? all / known : size)];
            }

            return asked.All(size => size > 0) && known == all ? asked : throw node.Wrong(FormattableString.Invariant($"a shape of {all:N0} numbers"), GraphCheck.Print(asked));
        }

        // Global pooling as tf2onnx (Squeeze behind it) and torch's mean write it: without some axes, or with 1 in their place.
        long[] Reduced()
        {
            Count(1, 2);
            bool squeezes = node.Operator == "Squeeze", keeps = !squeezes && node.Integer("keepdims", 1, 0, 1) == 1;
            if (!squeezes)
            {
                Floats(1);
                node.Integer("noop_with_empty_axes", 0, 0, 0);
            }

            // A setting in earlier operator sets, an input in later ones. Never all, nor the first: that is the images'.
            long rank = input.Shape.Length;
            long[] given = node.Axes("axes") ?? (inputs.Count == 2 && constant(1) is { DataType: (int)DataType.Int64, Dims.Count: 1 } list ? TensorData.Integers(list) : []);
            long[] axes = [.. given.Take(GraphCheck.MaxRank + 1).Select(axis => axis < 0 ? axis + rank : axis).Distinct()];
            if (axes.Length == 0 || axes.Length != given.Length || axes.Any(axis => axis < 1 || axis >= rank || (squeezes && input.Shape[axis] != 1)))
            {
                throw node.Wrong($"axes in the file, each once and not the first{(squeezes ? ", of size 1" : "")}, of {GraphCheck.Print(input.Shape)}", GraphCheck.Print(given));
            }

            return keeps ? [.. input.Shape.Select((size, axis) => axes.Contains(axis) ? 1 : size)] : [.. input.Shape.Where((_, axis) => !axes.Contains(axis))];
        }

        long[] Product(long[] a, long[] b) => a.Length == 2 && b.Length == 2 && a[1] == b[0]
            ? [a[0], b[1]]
            : throw node.Wrong("two matrices that fit", $"{GraphCheck.Print(a)} and {GraphCheck.Print(b)}");

        long[] Broadcast(long[] a, long[] b)
        {
            var common = new long[Math.Max(a.Length, b.Length)];
            for (int i = 1; i <= common.Length; i++)
            {
                long x = i <= a.Length ? a[^i] : 1, y = i <= b.Length ? b[^i] : 1;
                common[^i] = x == y || y == 1 ? x : x == 1 ? y : throw node.Wrong("shapes that fit", $"{GraphCheck.Print(a)} and {GraphCheck.Print(b)}");
            }

            return common;
        }

        // An input of floats that the image has no part in.
        long[] Weight(int index, int rank) => inputs[index] is { IsConstant: true, IsFloat: true } && inputs[index].Type == type && inputs[index].Shape.Length == rank
            ? inputs[index].Shape
            : throw node.Wrong($"weights of {rank} dimensions in the file as input {index + 1}, of {type}", $"{GraphCheck.Print(inputs[index].Shape)} of {inputs[index].Type}");

        void Picture(bool orBytes = false)
        {
            if (input.Shape.Length != 4 || input.IsConstant || !(input.IsFloat || (orBytes && type is DataType.Uint8 or DataType.Int8)))
            {
                throw node.Wrong("an input of 4 dimensions and floats", $"{GraphCheck.Print(input.Shape)} of {type}");
            }
        }

        void Floats(int count)
        {
            if (!input.IsFloat || inputs.Take(count).Any(other => other.Type != type))
            {
                throw node.Wrong("inputs of floats of one type", string.Join(", ", inputs.Select(other => other.Type)));
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
