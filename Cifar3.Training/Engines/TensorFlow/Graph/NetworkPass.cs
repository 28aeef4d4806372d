namespace Cifar3.Training;

/// <summary>The layers of one pass, and what goes in: the images' pixels in [0, 1] and the labels, by parts.</summary>
internal sealed class NetworkPass
{
    private readonly IReadOnlyList<CnnLayer> layers;
    private readonly NetworkInputs inputs;
    private readonly BatchStatistics statistics;
    private readonly IReadOnlyList<string> frozen;

    public NetworkPass(Pass pass, NetworkInputs inputs, IReadOnlyList<CnnLayer> layers, BatchStatistics statistics, IReadOnlyList<string> frozen)
    {
        this.frozen = frozen;
        (Pass, this.inputs, this.layers, this.statistics) = (pass, inputs, layers, statistics);
        var white = pass.Graph.Const(pass.Name("white"), 255f);
        Pixels = [.. pass.Parts.Split("images", inputs.Images).Select((part, i) => Scaled(part, i, white))];
        Labels = pass.Parts.Split("labels", inputs.Labels);
        for (int i = 0; i < layers.Count; i++)
        {
            Layers.Add(CreateLayer(layers[i], Layers.LastOrDefault(), i + 1 < layers.Count ? layers[i + 1] : null));
        }
    }

    public Pass Pass { get; }

    public List<LayerGraph> Layers { get; } = [];

    /// <summary>Gradients of all weights that are trained, by full name; after the layers' backward passes.</summary>
    public IReadOnlyDictionary<string, Output> Gradients => layers.Zip(Layers)
        .Where(pair => !frozen.Contains(pair.First.Name))
        .SelectMany(pair => pair.Second.Gradients)
        .ToDictionary();

    /// <summary>Float32 [B, 32, 32, 3].</summary>
    public Output[] Pixels { get; }

    /// <summary>Int32 [B].</summary>
    public Output[] Labels { get; }

    /// <summary>Sends the pixels through all layers.</summary>
    /// <param name="pass">What a layer does: forward or inference.</param>
    /// <returns>The logits by parts, and each layer's output as the model describes it, whole; of the dense layer the logits.</returns>
    public (Output[] Logits, IReadOnlyList<Output> Outputs) Run(Func<LayerGraph, Output[], Output[]> pass)
    {
        var x = Pixels;
        var outputs = new List<Output>();
        foreach (var (graph, layer) in Layers.Zip(layers))
        {
            x = pass(graph, x);
            outputs.Add(Pass.Parts.Join($"{layer.Name}/output", graph.DescribedOutput ?? x));
        }

        return (x, outputs);
    }

    private Output Scaled(Output images, int part, Output white)
    {
        var pixels = Pass.Graph.Cast(Pass.Name("pixels", part), images, DataType.Float);
        return Pass.Graph.Add("RealDiv", Pass.Name("scaled", part), pixels, white);
    }

    private LayerGraph CreateLayer(CnnLayer layer, LayerGraph? before, CnnLayer? next) => layer switch
    {
        Conv2DLayer convolution => new ConvolutionGraph(Pass, convolution, before as BatchNormalizationGraph, next as MaxPooling2DLayer),
        BatchNormalizationLayer when next is not Conv2DLayer { Padding: ConvPadding.Valid } =>
            throw new NotSupportedException($"The TensorFlow engine expects an unpadded Conv2D after {layer.Name}. Received: {next?.Name ?? "nothing"}."),
        BatchNormalizationLayer normalization when frozen.Contains(normalization.Name) => new FrozenBatchNormalizationGraph(Pass, normalization),
        BatchNormalizationLayer normalization when statistics == BatchStatistics.Fused => new FusedBatchNormalizationGraph(Pass, normalization),
        BatchNormalizationLayer normalization => new BatchNormalizationGraph(Pass, normalization),
        MaxPooling2DLayer pooling => new PoolingGraph(Pass, pooling),
        DropoutLayer dropout => new DropoutGraph(Pass, dropout, inputs.Masks.FirstOrDefault(mask => mask.Layer == dropout)?.Placeholder),
        FlattenLayer flatten => new FlattenGraph(Pass, flatten),
        DenseLayer dense => new DenseGraph(Pass, dense),
        _ => throw new NotSupportedException($"The TensorFlow engine has no operators for layer {layer}."),
    };
}
