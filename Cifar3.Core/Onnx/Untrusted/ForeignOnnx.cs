using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>
/// Finds from the graph of an ONNX model that another tool wrote (tf2onnx, PyTorch, …) how it takes images and gives classes, and brings it into the
/// form that is scored: any number of images, float32 in and out, one output. Nothing is assumed: what the graph does not tell, or what does not
/// fit, is refused with what was found.
/// </summary>
internal static class ForeignOnnx
{
    private const string Remedy = "Export it anew (tf2onnx, torch.onnx.export): input (None, 32, 32, 3) or (None, 3, 32, 32), one output (None, classes); or load the Keras model with CnnModel.LoadKeras and save it with SaveOnnx. docs/onnx.md says what is read";

    /// <summary>From this version on weights need not be inputs too, and here they are not.</summary>
    private const long WeightsApartIrVersion = 4;

    private const long MaxBatch = 1024;

    private static readonly DataType[] InputTypes = [DataType.Float, DataType.Float16, DataType.Uint8, DataType.Int32];

    /// <summary>Reads input, output and producer.</summary>
    /// <param name="file">The file.</param>
    /// <param name="classNames">The names of its classes; null where nobody gave them.</param>
    /// <param name="options">Input scaling and limits.</param>
    /// <exception cref="Cifar3ModelException">The graph is none that classifies 32×32 colour images into as many classes as there are names.</exception>
    public static ScorableGraph Inspect(OnnxFile file, IReadOnlyList<string>? classNames, ClassifierOptions options)
    {
        if (classNames is null)
        {
            throw OnnxFile.Unreadable(file.Name, $"expected the names of its classes, found {file.MadeBy}, which has none", "Name them in ClassifierOptions.ClassNames, or in a text file beside it, model.classes.txt for model.onnx, one name a line");
        }

        try
        {
            var model = file.Model.Clone();
            GraphCheck.CheckCounts(model);
            model.IrVersion = Math.Max(model.IrVersion, WeightsApartIrVersion);
            ForeignGraph.Simplify(model.Graph);
            GraphCheck.CheckIsForInference(model.Graph);
            ForeignGraph.SimplifyDropout(model.Graph);
            foreach (var tensor in model.Graph.Initializer.Where(tensor => tensor.DataType != (int)DataType.String)) // texts of an output that is left out go with it; GraphCheck refuses others
            {
                GraphTensor.Check(tensor);
            }

            var signature = Read(model.Graph, classNames, options.InputScaling, out long batch);
            var (graph, cost) = Check(model, ref signature, batch, NetworkCost.Default.Times(options.MaxModelCost));
            var metadata = new ModelMetadata { ClassNames = [.. classNames], LibraryVersion = file.Producer.Length > 0 ? Shown.Text(file.Producer) : "unknown" };
            return new ScorableGraph(OnnxFile.Checked(file.Name, metadata), signature with { Cost = cost.Multiple }, graph);
        }
        catch (FormatException e)
        {
            throw OnnxFile.Unreadable(file.Name, e.Message.TrimEnd('.'), e is TooCostlyException ? GraphCheck.CostRemedy : Remedy, e);
        }
    }

    private static OnnxSignature Read(GraphProto graph, IReadOnlyList<string> classNames, InputScaling? scaling, out long batch)
    {
        var constants = graph.Initializer.Select(tensor => tensor.Name).ToHashSet();
        var inputs = graph.Input.Where(value => !constants.Contains(value.Name)).ToList();
        if (inputs.Count != 1)
        {
            throw new FormatException($"expected one input, found {inputs.Count} ({Shown.Names(inputs.Select(value => value.Name), 5)})");
        }

        var input = inputs[0];
        graph.Input.Clear();
        graph.Input.Add(input);
        (batch, bool channelsFirst) = Layout(input);
        var type = (DataType)input.Type.TensorType.ElemType;
        var (output, isLogits) = ForeignGraph.ChooseOutput(graph);
        int classes = Classes(output, classNames);
        if (batch == 0 && Shape(output) is [> 0 and <= MaxBatch and var images, ..])
        {
            batch = images; // only the input was freed of it
        }

        var (chosen, reason) = scaling is not null ? (scaling, "as ClassifierOptions.InputScaling says") : InputRange.Find(graph, input.Name, channelsFirst ? 1 : 3, type is DataType.Uint8 or DataType.Int32);
        string inputName = ForeignGraph.FloatInput(graph, input), outputName = ForeignGraph.FloatOutput(graph, output);
        return new OnnxSignature(inputName, outputName, classes) { ChannelsFirst = channelsFirst, IsLogits = isLogits, Scaling = chosen, ScalingReason = reason };
    }

    /// <summary>Checks the graph for any number of images; one that is made for a certain number is freed of it first.</summary>
    private static (ModelProto Graph, NetworkCost Cost) Check(ModelProto model, ref OnnxSignature signature, long batch, NetworkCost limit)
    {
        if (batch == 0)
        {
            return (model, GraphCheck.Check(model, signature, limit));
        }

        var free = model.Clone();
        ForeignGraph.FreeBatch(free.Graph, batch);
        try
        {
            return (free, GraphCheck.Check(free, signature, limit));
        }
        catch (FormatException e) when (batch > 1 && e is not TooCostlyException)
        {
            throw new FormatException($"it takes {batch} images at a time, and as a graph for any number it does not fit: {e.Message}", e);
        }
        catch (FormatException)
        {
            signature = signature with { OneImageOnly = true };
            return (model, GraphCheck.Check(model, signature, limit));
        }
    }

    /// <summary>The number of images (0 = any) and whether channels come before height and width. Sizes that the file leaves open are taken as fitting.</summary>
    private static (long Batch, bool ChannelsFirst) Layout(ValueInfoProto input)
    {
        const int size = CnnArchitecture.InputSize, channels = CnnArchitecture.InputChannels;
        long[] shape = Shape(input);
        bool channelsFirst = shape is [_, channels, 0 or size, 0 or size];
        if (!InputTypes.Contains((DataType)(input.Type?.TensorType?.ElemType ?? 0)) || !(channelsFirst || shape is [_, 0 or size, 0 or size, channels]) || shape[0] is < 0 or > MaxBatch)
        {
            throw new FormatException($"expected one input [N, {size}, {size}, {channels}] or [N, {channels}, {size}, {size}] of any number of images, of float32, float16, uint8 or int32, found {Print(input)}");
        }

        return (shape[0], channelsFirst);
    }

    private static int Classes(ValueInfoProto output, IReadOnlyList<string> classNames)
    {
        long[] shape = Shape(output);
        if (shape.Length is not (0 or 2) || (shape.Length == 2 && shape[1] is not 0 and (< CnnArchitecture.MinClasses or > CnnArchitecture.MaxClasses)) || classNames.Count is < CnnArchitecture.MinClasses or > CnnArchitecture.MaxClasses)
        {
            throw new FormatException($"expected a float32 output [N, classes] of {CnnArchitecture.MinClasses} to {CnnArchitecture.MaxClasses} classes, found {Print(output)}");
        }

        return shape is [] or [_, 0] || shape[1] == classNames.Count ? classNames.Count : throw new FormatException($"expected one name for each of its {shape[1]} classes, found {classNames.Count} names ({Shown.Names(classNames)})");
    }

    /// <summary>Sizes; 0 where any size goes.</summary>
    private static long[] Shape(ValueInfoProto value) => [.. (value.Type?.TensorType?.Shape?.Dim ?? []).Take(8).Select(dim => dim.HasDimValue ? dim.DimValue : 0)];

    private static string Print(ValueInfoProto value) => $"'{Shown.Text(value.Name)}' of type {value.Type?.TensorType?.ElemType} [{string.Join(", ", Shape(value).Select(size => size == 0 ? "any" : $"{size}"))}]";
}
