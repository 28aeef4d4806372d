namespace Cifar3.Training;

/// <summary>
/// Computes: one training step, one evaluation, one prediction. An engine owns parameters, optimizer state and scratch memory;
/// it knows nothing of data sources, epochs, callbacks or files.
/// </summary>
/// <remarks>
/// Not thread-safe: one call at a time. A call that throws leaves parameters and optimizer state as they were.
/// Batches may have any size from 1 to <see cref="EngineOptions.MaxBatchSize"/>.
/// </remarks>
public interface ITrainingEngine : IDisposable
{
    /// <summary>Short name and version, such as <c>Managed 0.1.0</c>.</summary>
    string Name { get; }

    /// <summary>What it computes on, in words, such as <c>CPU, AVX-512, 2 threads</c>.</summary>
    string Device { get; }

    /// <summary>
    /// Whether the same seed gives the same bits in every run on the same instruction set, whatever the number of threads.
    /// The trainer's log says so when it does not.
    /// </summary>
    bool IsDeterministic { get; }

    /// <summary>
    /// One step of training: forward pass with batch statistics and dropout, backward pass, Adam, moving statistics.
    /// Adam (Kingma and Ba 2015) in Keras' form: β₁ 0.9, β₂ 0.999, ε 1e-7, w −= lr·√(1−β₂ᵗ)/(1−β₁ᵗ)·m/(√v + ε), t = step.
    /// </summary>
    /// <param name="images">Pixels [B, 32, 32, 3], uint8; divided by 255 inside.</param>
    /// <param name="labels">Labels [B], 0 to classes − 1.</param>
    /// <param name="learningRate">Adam's learning rate, above 0.</param>
    /// <param name="step">Number of the step, from 1, counted over the whole training: Adam's t, and the key of the dropout masks.</param>
    /// <returns>Sum of the cross-entropies (nats) and number of correct images of this batch, before the update, in training mode.</returns>
    /// <exception cref="ArgumentException">Sizes do not fit together, or a label is out of range.</exception>
    BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, float learningRate, long step);

    /// <summary>Loss and accuracy in inference mode (moving statistics, no dropout).</summary>
    /// <param name="images">Pixels [N, 32, 32, 3] of any number of images; the engine cuts them into batches.</param>
    /// <param name="labels">Labels [N].</param>
    /// <returns>Sum of the cross-entropies and number of correct images.</returns>
    /// <exception cref="ArgumentException">Sizes do not fit together, or a label is out of range.</exception>
    BatchResult Evaluate(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels);

    /// <summary>Class probabilities in inference mode.</summary>
    /// <param name="images">Pixels [N, 32, 32, 3] of any number of images.</param>
    /// <param name="probabilities">Receives [N, classes], each row summing to 1.</param>
    /// <exception cref="ArgumentException">Sizes do not fit together.</exception>
    void Predict(ReadOnlySpan<byte> images, Span<float> probabilities);

    /// <summary>A copy of everything that training changes.</summary>
    /// <returns>Weights, Adam's moments, step.</returns>
    EngineState ExportState();

    /// <summary>Replaces everything that training changes; afterwards the engine computes what the exporting engine would.</summary>
    /// <param name="state">A state of the same network.</param>
    /// <exception cref="Cifar3ModelException">The state belongs to another network.</exception>
    void ImportState(EngineState state);
}

/// <summary>What one batch or one evaluation measured.</summary>
/// <param name="LossSum">Sum over images of the categorical cross-entropy, in nats.</param>
/// <param name="Correct">Number of images whose most probable class is the label (the first of equals, as Keras' argmax).</param>
/// <param name="Count">Number of images.</param>
public readonly record struct BatchResult(double LossSum, int Correct, int Count)
{
    /// <summary>Adds two results.</summary>
    /// <param name="a">One.</param>
    /// <param name="b">The other.</param>
    /// <returns>Their sum.</returns>
    public static BatchResult operator +(BatchResult a, BatchResult b) => Add(a, b);

    /// <summary>Adds two results.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    /// <returns>Their sum.</returns>
    public static BatchResult Add(BatchResult left, BatchResult right) =>
        new(left.LossSum + right.LossSum, left.Correct + right.Correct, left.Count + right.Count);
}

/// <summary>Everything that training changes, in Keras layout: engines import and export it, checkpoints store it.</summary>
/// <param name="Weights">All weights in Keras' order, moving statistics included.</param>
/// <param name="AdamM">First moments of the trainable weights, in Keras' order, under the weights' names.</param>
/// <param name="AdamV">Second moments of the trainable weights, in Keras' order, under the weights' names.</param>
/// <param name="Step">Number of steps done: 0 before the first. The next <see cref="ITrainingEngine.TrainStep"/> has step + 1.</param>
public sealed record EngineState(IReadOnlyList<WeightTensor> Weights, IReadOnlyList<WeightTensor> AdamM, IReadOnlyList<WeightTensor> AdamV, long Step)
{
    /// <summary>The state before the first step: the model's weights and zero moments.</summary>
    /// <param name="model">The model.</param>
    /// <returns>A state at step 0.</returns>
    public static EngineState Initial(CnnModel model)
    {
        var trainable = model.Layers
            .SelectMany(layer => layer.Weights.Where(w => w.Trainable).Select(w => model[$"{layer.Name}/{w.Name}"]))
            .ToList();
        return new EngineState(model.Weights, Zeros(), Zeros(), 0);

        List<WeightTensor> Zeros() => [.. trainable.Select(w => new WeightTensor(w.Name, w.Shape, new float[w.Count]))];
    }
}

/// <summary>What an engine needs to know beside the model.</summary>
public sealed record EngineOptions
{
    /// <summary>The seed of the dropout masks. Default: 0.</summary>
    public int Seed { get; init; }

    /// <summary>Number of threads; 0 = one for each processor. Default: 0.</summary>
    public int Threads { get; init; }

    /// <summary>The largest batch that <see cref="ITrainingEngine.TrainStep"/> will get, 1 to 1,024. Default: 128.</summary>
    public int MaxBatchSize { get; init; } = 128;

    /// <summary>What <see cref="TensorFlowEngine"/> alone needs to know. Default: all defaults.</summary>
    public TensorFlowOptions TensorFlow { get; init; } = new();
}
