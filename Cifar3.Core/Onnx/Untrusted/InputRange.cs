using System.Globalization;
using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>
/// Finds out from the first nodes of a graph what it takes: a chain of Mul, Div, Sub, Add and BatchNormalization with constants in front computes
/// a·x + b for each channel, and only one of x in 0..1 and x in 0..255 gives numbers that a network is trained on. Where the input goes several ways, all must
/// want the same; where it is made 8 bits at once, the steps tell how far it reaches.
/// </summary>
internal static class InputRange
{
    private const int Channels = CnnArchitecture.InputChannels, MaxSteps = 100; // of all branches together

    // How widely a network's inputs are spread: 1 for 0..1, 2 for -1..1, about 4 for images of mean 0 and deviation 1.
    private const double LeastSpread = 0.5, MostSpread = 25;

    /// <summary>The scaling that the graph asks for.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="input">Its input.</param>
    /// <param name="channelAxis">Where the input has its channels: 1 or 3.</param>
    /// <param name="takesIntegers">Whether the input is of whole numbers.</param>
    /// <returns>The scaling, and why it is this one, in words.</returns>
    /// <exception cref="FormatException">The graph does something to the pixels that leaves open what it takes.</exception>
    public static (InputScaling Scaling, string Reason) Find(GraphProto graph, string input, int channelAxis, bool takesIntegers)
    {
        if (takesIntegers)
        {
            return (InputScaling.Bytes, "its input is of whole numbers");
        }

        var ends = Ends(graph, input, channelAxis);
        var scalings = ends.Select(end => end.Decide()).Distinct().ToList();
        return scalings is [{ } scaling]
            ? (scaling, (ends.Find(end => end.Tells) ?? ends[0]).Reason)
            : throw new FormatException($"the graph {string.Join(" and ", ends.Select(end => $"{end}").Distinct().Take(3))}, from which it cannot be told whether it takes pixels from 0 to 255 or from 0 to 1. Say it in ClassifierOptions.InputScaling");
    }

    /// <summary>The chains of nodes from the input on, each up to the first node that is none of such a chain.</summary>
    private static List<Chain> Ends(GraphProto graph, string input, int channelAxis)
    {
        var constants = new Dictionary<string, TensorProto>();
        foreach (var tensor in graph.Initializer)
        {
            constants.TryAdd(tensor.Name, tensor);
        }

        var ofTheImage = new HashSet<string> { input };
        foreach (var node in graph.Node.Where(node => node.Input.Any(ofTheImage.Contains)))
        {
            ofTheImage.UnionWith(node.Output);
        }

        var ends = new List<Chain>();
        var open = new Stack<(Chain Chain, string Current)>([(new Chain(constants, ofTheImage, channelAxis), input)]);
        for (int steps = 0; open.TryPop(out var branch);)
        {
            bool goesOn = false;
            foreach (var node in graph.Node.Where(node => steps < MaxSteps && node.Input.Contains(branch.Current)))
            {
                var chain = branch.Chain.Copy();
                steps++;
                goesOn = true;
                if (node.Output.Count == 1 && chain.Take(node, branch.Current))
                {
                    open.Push((chain, node.Output[0]));
                }
                else
                {
                    ends.Add(chain);
                }
            }

            if (!goesOn)
            {
                ends.Add(branch.Chain);
            }
        }

        return ends;
    }

    /// <summary>The nodes so far as a·x + b.</summary>
    private sealed class Chain(Dictionary<string, TensorProto> constants, HashSet<string> ofTheImage, int channelAxis)
    {
        private const int Rank = 4;

        private double[] a = [1, 1, 1], b = [0, 0, 0];
        private int axis = channelAxis, steps;
        private bool isOpen; // ends in arithmetic that is not a·x + b
        private (double Least, double Most, string Words)? reach; // what the input is brought to at once, by 8 bits or bounds

        /// <summary>The same nodes, for one of several branches.</summary>
        public Chain Copy()
        {
            var copy = (Chain)MemberwiseClone();
            (copy.a, copy.b) = ([.. a], [.. b]);
            return copy;
        }

        /// <summary>Adds a node; false where the chain ends before it.</summary>
        public bool Take(NodeProto node, string current)
        {
            switch (node.OpType)
            {
                case "Cast" when steps == 0 && node.Attribute.FirstOrDefault(attribute => attribute.Name == "to")?.I is (long)DataType.Uint8 or (long)DataType.Int32:
                    reach = (0, 255, "makes whole numbers of its input");
                    return false;
                case "Identity" or "Cast" or "Dropout":
                    return true;
                case "Transpose" when node.Attribute is [{ Name: "perm", Ints: { Count: 4 } order }] && order.IndexOf(axis) is >= 0 and var place:
                    axis = place;
                    return true;
                case "Mul" or "Div" or "Sub" or "Add" when node.Input.Count == 2:
                    bool first = node.Input[0] == current;
                    string other = node.Input[first ? 1 : 0];
                    if (other != current && ofTheImage.Contains(other))
                    {
                        return false; // branches come together
                    }

                    isOpen = !Affine(node.OpType, other, first);
                    return !isOpen;
                case "BatchNormalization" when node.Input.Count == 5 && axis == 1:
                    return Normalize(node);
                case "QuantizeLinear" when steps == 0:
                    reach = Reach(node);
                    return false;
                case "Clip" when steps == 0:
                    reach = Bounds(node);
                    isOpen = node.Input.Skip(1).Any(bound => bound.Length > 0 && Values(bound) is null); // computed by nodes
                    return false;
                default:
                    return false;
            }
        }

        /// <summary>The scaling; null where it cannot be told. Without any arithmetic in the graph it is what is usual, and documented.</summary>
        public InputScaling? Decide() =>
            isOpen || a.Contains(0) ? null
            : reach is not null ? (Reaches(1) ? InputScaling.ZeroToOne : Reaches(255) ? InputScaling.Bytes : null)
            : steps == 0 || IsPlausible(1) ? InputScaling.ZeroToOne
            : IsPlausible(255) ? InputScaling.Bytes
            : null;

        /// <summary>Whether the graph shows anything of what it takes.</summary>
        public bool Tells => steps > 0 || reach is not null;

        /// <summary>What the decision rests on.</summary>
        public string Reason => !Tells ? "usual, and its graph shows no other; for pixels scaled in another way set ClassifierOptions.InputScaling" : $"read from its graph, which {this}";

        /// <summary>What the graph does: the end of a sentence.</summary>
        public override string ToString() =>
            isOpen ? "begins with something other than a·x + b"
            : reach is var (_, _, words) ? words
            : string.Create(CultureInfo.InvariantCulture, $"begins with a·x + b with a = {a[0]:G3}, {a[1]:G3}, {a[2]:G3} and b = {b[0]:G3}, {b[1]:G3}, {b[2]:G3}");

        /// <summary>Whether inputs from 0 to <paramref name="most"/> become numbers spread as a network's are, around 0 or upwards from it; or, of 0 to 255, around 0 in their own size (Caffe's means).</summary>
        private bool IsPlausible(double most)
        {
            for (int c = 0; c < Channels; c++)
            {
                double spread = Math.Abs(a[c] * most), middle = Math.Abs(b[c] + a[c] * most / 2);
                bool usual = spread is >= LeastSpread and <= MostSpread && middle <= 0.75 * spread;
                bool means = most == 255 && Math.Abs(a[c]) == 1 && b[c] != 0 && middle <= 0.2 * spread;
                if (!usual && !means)
                {
                    return false;
                }
            }

            return true;
        }

        /// <summary>Whether the steps are those of images from 0 to <paramref name="most"/>, of which those that they were measured on need not have had the brightest pixels.</summary>
        private bool Reaches(double most) => reach is var (least, highest, _) && Math.Abs(least) <= 0.1 * most && highest >= 0.5 * most && highest <= 1.1 * most;

        /// <summary>The numbers that the first and the last of 256 steps stand for; null where the steps differ from channel to channel.</summary>
        private (double Least, double Most, string Words)? Reach(NodeProto node)
        {
            var zero = node.Input.Count > 2 ? constants.GetValueOrDefault(node.Input[2]) : new TensorProto { DataType = (int)DataType.Uint8, Int32Data = { 0 } };
            if (node.Input.Count < 2 || Values(node.Input[1]) is not [var scale] || zero is not { DataType: (int)DataType.Uint8 or (int)DataType.Int8 })
            {
                return null;
            }

            bool isSigned = zero.DataType == (int)DataType.Int8;
            int at = !zero.HasRawData ? zero.Int32Data[0] : isSigned ? (sbyte)zero.RawData[0] : zero.RawData[0], first = isSigned ? sbyte.MinValue : 0;
            double least = (first - at) * scale, most = (first + 255 - at) * scale;
            return (least, most, string.Create(CultureInfo.InvariantCulture, $"takes its input in steps from {least:G3} to {most:G3}"));
        }

        /// <summary>Both bounds of a Clip, which are settings in early operator sets; null where they are not both in the file.</summary>
        private (double Least, double Most, string Words)? Bounds(NodeProto node)
        {
            return Bound("min", 1) is { } least && Bound("max", 2) is { } most ? (least, most, string.Create(CultureInfo.InvariantCulture, $"clips its input to {least:G3} to {most:G3}")) : null;

            double? Bound(string setting, int index) => node.Input.Count > index ? Values(node.Input[index]) is [var value] ? value : null : node.Attribute.FirstOrDefault(attribute => attribute.Name == setting)?.F;
        }

        private bool Affine(string op, string name, bool first)
        {
            if (Values(name) is not { } values || (op == "Div" && (!first || values.Contains(0))))
            {
                return false;
            }

            steps++;
            for (int c = 0; c < Channels; c++)
            {
                double value = values[values.Length == 1 ? 0 : c];
                (a[c], b[c]) = op switch
                {
                    "Mul" => (a[c] * value, b[c] * value),
                    "Div" => (a[c] / value, b[c] / value),
                    "Add" => (a[c], b[c] + value),
                    _ => first ? (a[c], b[c] - value) : (-a[c], value - b[c]),
                };
            }

            return true;
        }

        private bool Normalize(NodeProto node)
        {
            double[][] parts = [.. node.Input.Skip(1).Select(name => constants.TryGetValue(name, out var tensor) && tensor.Dims is [Channels] && IsFloat(tensor) ? Array.ConvertAll(TensorData.Floats(tensor), value => (double)value) : [])];
            if (parts.Any(part => part.Length != Channels))
            {
                return false;
            }

            steps++;
            double epsilon = node.Attribute.FirstOrDefault(attribute => attribute.Name == "epsilon")?.F ?? 1e-5f;
            for (int c = 0; c < Channels; c++)
            {
                double scale = parts[0][c] / Math.Sqrt(parts[3][c] + epsilon);
                (a[c], b[c]) = (a[c] * scale, (b[c] - parts[2][c]) * scale + parts[1][c]);
            }

            return true;
        }

        /// <summary>The numbers of a constant that has one for all, or one for each channel; null for others.</summary>
        private double[]? Values(string name)
        {
            if (!constants.TryGetValue(name, out var tensor) || !IsFloat(tensor) || tensor.Dims.Count > Rank)
            {
                return null;
            }

            for (int i = 0; i < tensor.Dims.Count; i++)
            {
                long size = tensor.Dims[i];
                if (size != 1 && !(size == Channels && Rank - tensor.Dims.Count + i == axis))
                {
                    return null;
                }
            }

            return Array.ConvertAll(TensorData.Floats(tensor), value => (double)value);
        }

        private static bool IsFloat(TensorProto tensor) => (DataType)tensor.DataType is DataType.Float or DataType.Float16;
    }
}
