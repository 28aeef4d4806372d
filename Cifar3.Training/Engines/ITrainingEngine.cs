using System.Security.Cryptography;

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
    /// Adam (Kingma and Ba 2015) in Keras' form: β₁ 0.9, β₂ 0.999, ε 1e-7, w −= lr·√(1−β₂ᵗ)/(1−β₁ᵗ)·m/(√v + ε), t = step; before it
    /// the decay of <see cref="EngineOptions.WeightDecay"/>. Layers of <see cref="EngineOptions.FrozenLayers"/> are not changed.
    /// </summary>
    /// <param name="images">Pixels [B, 32, 32, 3], uint8; divided by 255 inside.</param>
    /// <param name="labels">Labels [B], 0 to classes − 1: what counts as correct, and the loss's target where there are no <paramref name="targets"/>.</param>
    /// <param name="targets">
    /// What each class should get, t [B, classes], each 0 or more: the loss of an image is −Σ t·log p, and its logits' gradient (p·Σ t − t)/B. Label
    /// smoothing, mixed images and class weights are all targets; a row need not sum to 1. Empty = 1 for the label, 0 elsewhere.
    /// </param>
    /// <param name="learningRate">Adam's learning rate, above 0.</param>
    /// <param name="step">Number of the step, from 1, counted over the whole training: Adam's t, and the key of the dropout masks.</param>
    /// <returns>Sum of the cross-entropies (nats) and number of correct images of this batch, before the update, in training mode.</returns>
    /// <exception cref="ArgumentException">Sizes do not fit together, or a label or a target is out of range.</exception>
    BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step);

    /// <summary>
    /// Takes a batch into the moving statistics of batch normalization, and changes nothing else: a forward pass in training mode without
    /// dropout, then moving = momentum·moving + (1 − momentum)·batch. With momentum k/(k + 1) for batch k = 0, 1, … they become the exact means
    /// over the batches, as torch's <c>update_bn</c> makes them (<see href="https://arxiv.org/abs/1803.05407"/>).
    /// </summary>
    /// <param name="images">Pixels [B, 32, 32, 3] of 1 to <see cref="EngineOptions.MaxBatchSize"/> images.</param>
    /// <param name="momentum">Share of the old statistics that is kept, 0 to 1.</param>
    /// <exception cref="ArgumentException">The images are not whole, or too many, or the momentum is out of range.</exception>
    void UpdateStatistics(ReadOnlySpan<byte> images, double momentum);

    /// <summary>Copies all weights, moving statistics included, one after the other in Keras' order and layout: cheap enough for every step.</summary>
    /// <param name="weights">Receives as many numbers as the model has parameters.</param>
    /// <exception cref="ArgumentException">The span has another length.</exception>
    void ReadWeights(Span<float> weights);

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

/// <summary>What can be said shorter about an engine.</summary>
public static class TrainingEngineExtensions
{
    /// <summary>One step of training towards the labels: <see cref="ITrainingEngine.TrainStep"/> without targets.</summary>
    /// <param name="engine">The engine.</param>
    /// <param name="images">Pixels [B, 32, 32, 3].</param>
    /// <param name="labels">Labels [B].</param>
    /// <param name="learningRate">Adam's learning rate, above 0.</param>
    /// <param name="step">Number of the step, from 1.</param>
    /// <returns>Sum of the cross-entropies (nats) and number of correct images.</returns>
    /// <exception cref="ArgumentException">Sizes do not fit together, or a label is out of range.</exception>
    public static BatchResult TrainStep(this ITrainingEngine engine, ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, float learningRate, long step) =>
        engine.TrainStep(images, labels, [], learningRate, step);
}

/// <summary>What one batch or one evaluation measured.</summary>
/// <param name="LossSum">Sum over images of the categorical cross-entropy with the targets, in nats.</param>
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
    /// <summary>The most steps that a file may tell: far beyond all trainings, and far from where counting on would overflow.</summary>
    internal const long MaxStep = 1L << 53;

    /// <summary>The state before the first step: the model's weights and zero moments.</summary>
    /// <param name="model">The model.</param>
    /// <returns>A state at step 0.</returns>
    public static EngineState Initial(CnnModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var trainable = model.Layers
            .SelectMany(layer => layer.Weights.Where(w => w.Trainable).Select(w => model[$"{layer.Name}/{w.Name}"]))
            .ToList();
        return new EngineState(model.Weights, Zeros(), Zeros(), 0);

        List<WeightTensor> Zeros() => [.. trainable.Select(w => new WeightTensor(w.Name, w.Shape, new float[w.Count]))];
    }

    /// <summary>SHA-256 over all moments, the first and then the second ones, in hexadecimal.</summary>
    internal string MomentHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var moment in AdamM.Concat(AdamV))
        {
            hash.AppendData(Cifar3.TensorData.Bytes(moment.Values));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>What an engine needs to know beside the model.</summary>
public sealed record EngineOptions
{
    /// <summary>The seed of the dropout masks. Default: 0.</summary>
    public int Seed { get; init; }

    /// <summary>Number of threads, at most 1,024; 0 = one for each processor. Default: 0.</summary>
    public int Threads { get; init; }

    /// <summary>The largest batch that <see cref="ITrainingEngine.TrainStep"/> will get, 1 to 1,024. Default: 128.</summary>
    public int MaxBatchSize { get; init; } = 128;

    /// <summary>
    /// λ of decoupled weight decay, 0 or more: before Adam's update w −= lr·λ·w, of convolution and dense kernels only, as Keras' AdamW
    /// does with biases and normalization excluded (<see href="https://arxiv.org/abs/1711.05101"/>). Default: 0, none.
    /// </summary>
    public float WeightDecay { get; init; }

    /// <summary>
    /// Names of layers that are not trained, Keras' <c>trainable = False</c>: their weights stay, and batch normalization among them computes with
    /// its moving statistics and leaves them alone. Default: none.
    /// </summary>
    public IReadOnlyList<string> FrozenLayers { get; init; } = [];

    /// <summary>What <see cref="TensorFlowEngine"/> alone needs to know. Default: all defaults.</summary>
    public TensorFlowOptions TensorFlow { get; init; } = new();
}
