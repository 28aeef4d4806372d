using System.Globalization;

namespace Cifar3.Training;

/// <summary>What all engines refuse, in the same words, before they compute.</summary>
internal static class EngineChecks
{
    private const int MaxBatch = 1024;

    public static void Options(EngineOptions options, CnnModel? model = null)
    {
        ArgumentNullException.ThrowIfNull(options.FrozenLayers);
        ArgumentNullException.ThrowIfNull(options.TensorFlow);
        if (options.MaxBatchSize is < 1 or > MaxBatch)
        {
            throw new ArgumentOutOfRangeException(nameof(options), $"MaxBatchSize must be 1 to {MaxBatch:N0}. Received: MaxBatchSize={options.MaxBatchSize}.");
        }

        if (options.Threads is < 0 or > WorkerPool.MaxThreads)
        {
            throw new ArgumentOutOfRangeException(nameof(options), $"Threads must be 1 to {WorkerPool.MaxThreads:N0}, or 0 for one a processor. Received: Threads={options.Threads}.");
        }

        if (!(options.WeightDecay >= 0 && float.IsFinite(options.WeightDecay)))
        {
            throw new ArgumentOutOfRangeException(nameof(options), string.Create(CultureInfo.InvariantCulture, $"WeightDecay must be 0 or more and finite; 0.05 is usual. Received: WeightDecay={options.WeightDecay}."));
        }

        if (model is not null && options.FrozenLayers.Where(name => model.Layers.All(layer => layer.Name != name)).Select(name => name ?? "null").FirstOrDefault() is { } unknown)
        {
            throw new ArgumentException($"FrozenLayers names a layer that the model does not have. Expected one of {string.Join(", ", model.Layers.Select(layer => layer.Name))}. Received: {Shown.Text(unknown)}.", nameof(options));
        }

        if (model is not null && model.Layers.Where(layer => layer.ParameterCount > 0).All(layer => options.FrozenLayers.Contains(layer.Name)))
        {
            throw new ArgumentException($"FrozenLayers leave nothing to train: they name every layer that has weights. Leave out at least the last one, {model.Layers[^1].Name}.", nameof(options));
        }
    }

    /// <summary>The arguments of <see cref="ITrainingEngine.TrainStep"/>.</summary>
    public static void TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step, int classes, int maxBatch)
    {
        if (labels.Length < 1 || labels.Length > maxBatch)
        {
            throw new ArgumentException($"A batch must have 1 to {maxBatch:N0} images (EngineOptions.MaxBatchSize). Received: {labels.Length:N0}.", nameof(labels));
        }

        Labelled(images, labels, classes);
        if (targets.Length != 0 && targets.Length != (long)labels.Length * classes)
        {
            throw new ArgumentException($"{labels.Length:N0} images of {classes} classes need {(long)labels.Length * classes:N0} targets, or none. Received: {targets.Length:N0}.", nameof(targets));
        }

        int wrong = targets.IndexOfAnyExceptInRange(0, float.MaxValue);
        if (wrong >= 0)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Targets must be 0 or more and finite. Received: {targets[wrong]} for class {wrong % classes} of image {wrong / classes}."), nameof(targets));
        }

        if (!(learningRate > 0 && float.IsFinite(learningRate)))
        {
            throw new ArgumentOutOfRangeException(nameof(learningRate), string.Create(CultureInfo.InvariantCulture, $"The learning rate must be above 0 and finite. Received: {learningRate}."));
        }

        if (step < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(step), step, $"Steps are counted from 1. Received: step={step}.");
        }
    }

    /// <summary>The arguments of <see cref="ITrainingEngine.UpdateStatistics"/>; returns the number of images.</summary>
    public static int Statistics(ReadOnlySpan<byte> images, double momentum, int maxBatch)
    {
        int count = images.Length / CnnArchitecture.ImageBytes;
        if (images.Length % CnnArchitecture.ImageBytes != 0 || count < 1 || count > maxBatch)
        {
            throw new ArgumentException($"A batch must have 1 to {maxBatch:N0} whole images (EngineOptions.MaxBatchSize) of {CnnArchitecture.ImageBytes:N0} bytes. Received: {images.Length:N0} bytes.", nameof(images));
        }

        return momentum is >= 0 and <= 1
            ? count
            : throw new ArgumentOutOfRangeException(nameof(momentum), string.Create(CultureInfo.InvariantCulture, $"The momentum must be 0 to 1. Received: momentum={momentum}."));
    }

    /// <summary>The argument of <see cref="ITrainingEngine.ReadWeights"/>.</summary>
    public static void Weights(ReadOnlySpan<float> weights, long expected)
    {
        if (weights.Length != expected)
        {
            throw new ArgumentException($"The model has {expected:N0} parameters. Received: room for {weights.Length:N0}.", nameof(weights));
        }
    }

    /// <summary>Images with their labels.</summary>
    public static void Labelled(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, int classes)
    {
        if (images.Length != (long)labels.Length * CnnArchitecture.ImageBytes)
        {
            throw new ArgumentException($"{labels.Length:N0} labels need {(long)labels.Length * CnnArchitecture.ImageBytes:N0} bytes of images (32x32x3 each). Received: {images.Length:N0}.", nameof(images));
        }

        int bad = labels.IndexOfAnyExceptInRange(0, classes - 1);
        if (bad >= 0)
        {
            throw new ArgumentException($"Labels must be 0 to {classes - 1}. Received: label {labels[bad]} of image {bad:N0}.", nameof(labels));
        }
    }

    /// <summary>Images with room for their probabilities; returns the number of images.</summary>
    public static int Predict(ReadOnlySpan<byte> images, ReadOnlySpan<float> probabilities, int classes)
    {
        int count = images.Length / CnnArchitecture.ImageBytes;
        if (images.Length % CnnArchitecture.ImageBytes != 0)
        {
            throw new ArgumentException($"Images must be whole: {CnnArchitecture.ImageBytes:N0} bytes each (32x32x3). Received: {images.Length:N0} bytes.", nameof(images));
        }

        if (probabilities.Length != (long)count * classes)
        {
            throw new ArgumentException($"{count:N0} images of {classes} classes need {(long)count * classes:N0} probabilities. Received: {probabilities.Length:N0}.", nameof(probabilities));
        }

        return count;
    }

    /// <summary>A state's tensors in the order in which the engine keeps them; refuses all that do not fit.</summary>
    /// <param name="what">What the tensors are, for the message.</param>
    /// <param name="expected">The engine's tensors.</param>
    /// <param name="given">The state's, in any order.</param>
    public static List<WeightTensor> InOrder(string what, IEnumerable<(string Name, IReadOnlyList<int> Shape)> expected, IReadOnlyList<WeightTensor> given)
    {
        const string remedy = "The state belongs to another network: create the engine from that network's model.";
        if (given is null || given.Any(tensor => tensor is null))
        {
            throw new ArgumentException($"Cannot import the training state: {(given is null ? $"{what} are null" : $"null among {what}")}. Give a state that ExportState or KerasFile.Load gave.");
        }

        var byName = new Dictionary<string, WeightTensor>();
        foreach (var tensor in given)
        {
            if (!byName.TryAdd(tensor.Name, tensor))
            {
                throw new Cifar3ModelException($"Cannot import the training state: {what} name '{Shown.Text(tensor.Name)}' twice.");
            }
        }

        var ordered = new List<WeightTensor>();
        foreach (var (name, shape) in expected)
        {
            if (!byName.Remove(name, out var tensor))
            {
                throw new Cifar3ModelException($"Cannot import the training state: {what} lack '{name}'. Expected shape ({string.Join(", ", shape)}). {remedy}");
            }

            if (!tensor.Shape.SequenceEqual(shape))
            {
                throw new Cifar3ModelException($"Cannot import the training state: {what} of '{name}' have another shape. Expected ({string.Join(", ", shape)}), found ({string.Join(", ", tensor.Shape)}). {remedy}");
            }

            ordered.Add(tensor);
        }

        if (byName.Count > 0)
        {
            throw new Cifar3ModelException($"Cannot import the training state: {what} hold '{Shown.Text(byName.Keys.First())}', which this network does not have. {remedy}");
        }

        return ordered;
    }

    /// <summary>A state's number of steps.</summary>
    public static void Step(EngineState state)
    {
        if (state.Step < 0)
        {
            throw new Cifar3ModelException($"Cannot import the training state: its step is {state.Step}. Expected 0 or more.");
        }
    }
}
