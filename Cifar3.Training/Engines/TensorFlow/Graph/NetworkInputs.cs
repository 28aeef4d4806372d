namespace Cifar3.Training;

/// <summary>The mask of one dropout layer with a rate above 0.</summary>
/// <param name="Layer">The layer, for its rate and shape.</param>
/// <param name="Index">Which dropout layer of the network, from 0.</param>
/// <param name="Placeholder">Float32 [B, H, W, C].</param>
internal sealed record MaskInput(DropoutLayer Layer, int Index, Output Placeholder);

/// <summary>Placeholders of all that runs feed.</summary>
internal sealed class NetworkInputs
{
    public NetworkInputs(GraphBuilder graph, IReadOnlyList<CnnLayer> layers)
    {
        Images = graph.Placeholder("images", DataType.UInt8, -1, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels);
        Labels = graph.Placeholder("labels", DataType.Int32, -1);
        Targets = graph.Placeholder("targets", DataType.Float, -1, layers.OfType<DenseLayer>().Last().Units);
        StepSize = graph.Placeholder("step_size", DataType.Float);
        Decay = graph.Placeholder("decay", DataType.Float);
        Kept = graph.Placeholder("statistics_kept", DataType.Float);
        Added = graph.Placeholder("statistics_added", DataType.Float);
        Masks = [.. layers.OfType<DropoutLayer>().Select((layer, index) => (Layer: layer, Index: index)).Where(dropout => dropout.Layer.Rate > 0).Select(dropout =>
            new MaskInput(dropout.Layer, dropout.Index, graph.Placeholder($"{dropout.Layer.Name}/mask", DataType.Float, [-1, .. dropout.Layer.OutputShape.Select(dim => (long)dim)])))];
    }

    /// <summary>Uint8 [B, 32, 32, 3].</summary>
    public Output Images { get; }

    /// <summary>Int32 [B].</summary>
    public Output Labels { get; }

    /// <summary>Float32 [B, classes], for a step towards targets.</summary>
    public Output Targets { get; }

    /// <summary>Adam's α, float32 scalar.</summary>
    public Output StepSize { get; }

    /// <summary>lr·λ of the weight decay, float32 scalar.</summary>
    public Output Decay { get; }

    /// <summary>Share of the moving statistics that an update of the statistics alone keeps, float32 scalar.</summary>
    public Output Kept { get; }

    /// <summary>Share of the batch's statistics that it adds, float32 scalar.</summary>
    public Output Added { get; }

    /// <summary>Dropout masks of a training step, in the order of the layers.</summary>
    public IReadOnlyList<MaskInput> Masks { get; }
}
