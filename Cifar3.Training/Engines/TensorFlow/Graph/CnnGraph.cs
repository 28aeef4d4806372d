namespace Cifar3.Training;

/// <summary>The whole network as a TensorFlow graph, built once from the layer list: variables, training step, inference.</summary>
internal sealed class CnnGraph
{
    public CnnGraph(GraphBuilder graph, IReadOnlyList<CnnLayer> layers, BatchStatistics statistics)
    {
        Variables = new GraphVariables(graph, layers);
        Images = graph.Placeholder("images", DataType.UInt8, -1, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels);
        Labels = graph.Placeholder("labels", DataType.Int32, -1);
        Output pixels = graph.Begin("Cast", "pixels", Images).Type("DstT", DataType.Float).Finish();
        Output x = graph.Add("RealDiv", "scaled", pixels, graph.Const("white", 255f));

        var parts = CreateLayers(graph, layers, statistics);
        Dropouts = [.. parts.OfType<DropoutGraph>()];
        Training = BuildTraining(graph, parts, x);

        InferenceOutputs = Chain(parts, x, (part, y) => part.Inference(y));
        var logits = InferenceOutputs[^1];
        Probabilities = graph.Add("Softmax", "inference/probabilities", logits);
        Evaluation = new LossGraph(graph, "inference", logits, Labels);
    }

    /// <summary>Weights and moments.</summary>
    public GraphVariables Variables { get; }

    /// <summary>Placeholder uint8 [B, 32, 32, 3].</summary>
    public Output Images { get; }

    /// <summary>Placeholder int32 [B].</summary>
    public Output Labels { get; }

    /// <summary>The dropout layers in order, with the placeholders of their masks.</summary>
    public IReadOnlyList<DropoutGraph> Dropouts { get; }

    /// <summary>Each layer's output in training mode; of the dense layer the logits.</summary>
    public IReadOnlyList<Output> TrainingOutputs { get; private set; } = [];

    /// <summary>Each layer's output in inference mode; of the dense layer the logits.</summary>
    public IReadOnlyList<Output> InferenceOutputs { get; }

    /// <summary>Loss and correct count in training mode.</summary>
    public LossGraph Training { get; }

    /// <summary>Loss and correct count in inference mode.</summary>
    public LossGraph Evaluation { get; }

    /// <summary>Class probabilities [B, classes] in inference mode.</summary>
    public Output Probabilities { get; }

    /// <summary>Placeholder of Adam's step size.</summary>
    public Output StepSize { get; private set; }

    /// <summary>Runs the whole step: all updates.</summary>
    public Operation TrainStep { get; private set; }

    private static List<Output> Chain(List<LayerGraph> parts, Output x, Func<LayerGraph, Output, Output> pass)
    {
        var outputs = new List<Output>();
        foreach (var part in parts)
        {
            x = pass(part, x);
            outputs.Add(part.DescribedOutput ?? x);
        }

        return outputs;
    }

    private List<LayerGraph> CreateLayers(GraphBuilder graph, IReadOnlyList<CnnLayer> layers, BatchStatistics statistics)
    {
        var parts = new List<LayerGraph>();
        for (int i = 0; i < layers.Count; i++)
        {
            parts.Add(CreateLayer(graph, layers[i], statistics, parts.LastOrDefault(), i + 1 < layers.Count ? layers[i + 1] : null));
        }

        return parts;
    }

    private LayerGraph CreateLayer(GraphBuilder graph, CnnLayer layer, BatchStatistics statistics, LayerGraph? before, CnnLayer? next) => layer switch
    {
        Conv2DLayer convolution => new ConvolutionGraph(graph, Variables, convolution, before as BatchNormalizationGraph, next as MaxPooling2DLayer),
        BatchNormalizationLayer normalization => new BatchNormalizationGraph(graph, Variables, normalization, statistics),
        MaxPooling2DLayer pooling => new PoolingGraph(graph, pooling),
        DropoutLayer dropout => new DropoutGraph(graph, dropout),
        FlattenLayer flatten => new FlattenGraph(graph, flatten),
        DenseLayer dense => new DenseGraph(graph, Variables, dense),
        _ => throw new NotSupportedException($"The TensorFlow engine has no operators for layer {layer}."),
    };

    private LossGraph BuildTraining(GraphBuilder graph, List<LayerGraph> parts, Output x)
    {
        TrainingOutputs = Chain(parts, x, (part, y) => part.Forward(y));
        var loss = new LossGraph(graph, "train", TrainingOutputs[^1], Labels);
        var gradient = loss.Gradient();
        for (int i = parts.Count - 1; i >= 0; i--)
        {
            gradient = parts[i].Backward(gradient, isFirst: i == 0);
        }

        // A gate before every update: a step that fails anywhere on the way (a label, memory) has changed nothing.
        var gradients = parts.SelectMany(part => part.Gradients).ToDictionary();
        var computed = graph.Begin("NoOp", "train/computed")
            .After(gradients.Values.Select(output => output.Operation).Distinct())
            .After([loss.Sum.Operation, loss.Correct.Operation])
            .Finish();

        var adam = new AdamGraph(graph);
        StepSize = adam.StepSize;
        var updates = Variables.AdamM.Zip(Variables.AdamV)
            .Select(moments => adam.Update(Variables[moments.First.Name], moments.First, moments.Second, gradients[moments.First.Name], computed))
            .Concat(parts.OfType<BatchNormalizationGraph>().SelectMany(part => part.Updates(computed)))
            .ToList();
        TrainStep = graph.Begin("NoOp", "train/step").After(updates).Finish();
        return loss;
    }
}
