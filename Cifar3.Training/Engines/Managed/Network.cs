namespace Cifar3.Training;

/// <summary>The network on one batch, whatever the vector width it was compiled for.</summary>
internal abstract unsafe class Network
{
    /// <summary>What the vectors are called.</summary>
    public abstract string SimdName { get; }

    /// <summary>Probabilities [images, classes] of the last batch.</summary>
    public abstract float* Probabilities { get; }

    /// <summary>Cross-entropies of the last batch with labels.</summary>
    public abstract double* Losses { get; }

    /// <summary>Says that the parameters changed from outside.</summary>
    public abstract void ParametersChanged();

    /// <summary>One training step.</summary>
    /// <param name="images">Pixels.</param>
    /// <param name="labels">Labels.</param>
    /// <param name="targets">Targets [count, classes]; null = the labels.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="learningRate">Adam's learning rate.</param>
    /// <param name="step">Number of the step.</param>
    public abstract void Train(byte* images, int* labels, float* targets, int count, float learningRate, long step);

    /// <summary>The batch's statistics into the moving ones: a forward pass in training mode without dropout.</summary>
    public abstract void UpdateStatistics(byte* images, int count, double momentum);

    /// <summary>Forward pass in inference mode; with labels also the losses.</summary>
    public abstract void Infer(byte* images, int* labels, int count);

    /// <summary>What the layers computed for the first images of the last batch, by layer name; without the layers that are computed as part of others.</summary>
    public abstract IEnumerable<(string Layer, float[] Values)> Activations(int images);

    /// <summary>Each block's pooling routes of the last training step's first images, <see cref="PoolDropout.Routes"/>.</summary>
    public abstract IReadOnlyList<byte[]> Routes(int images);

    /// <summary>Creates the network for a vector width.</summary>
    public static Network Create(SimdLevel level, Arena arena, ParameterTable parameters, CnnModel model, EngineOptions options, int images, WorkerPool pool) => level switch
    {
        SimdLevel.V512 => new SimdNetwork<V512>(arena, parameters, model, options, images, pool),
        SimdLevel.V256 => new SimdNetwork<V256>(arena, parameters, model, options, images, pool),
        _ => new SimdNetwork<V128>(arena, parameters, model, options, images, pool),
    };
}
