using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// A fast stand-in for a training engine: logistic regression on an image's mean colours with noise that depends on (seed, step), kept in the
/// first rows of the dense layer, with moments that really enter the result. Whoever forgets a part of the state ends in other bits.
/// </summary>
internal sealed class FakeEngine(CnnModel model, EngineOptions options) : ITrainingEngine
{
    private const float Momentum = 0.9f, Decay = 0.99f;
    private static readonly int Block = CnnArchitecture.ImageBytes / 3;
    private readonly int classes = model.Architecture.Classes;
    private EngineState state = EngineState.Initial(model);

    public string Name => "Fake 1.0";

    public string Device => "CPU, test";

    public bool IsDeterministic { get; init; } = true;

    public bool IsDisposed { get; private set; }

    /// <summary>Called before each step with its number.</summary>
    public Action<long>? BeforeStep { get; init; }

    /// <summary>The smallest network with a dense layer of at least four inputs.</summary>
    public static int[] Filters { get; } = [1, 1, 1];

    public EngineOptions Options => options;

    public BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step)
    {
        BeforeStep?.Invoke(step);
        if (step != state.Step + 1)
        {
            throw new InvalidOperationException($"Step {step} follows step {state.Step}.");
        }

        float[] kernel = Find(state.Weights, "dense/kernel"), m = Find(state.AdamM, "dense/kernel"), v = Find(state.AdamV, "dense/kernel");
        var gradient = new float[kernel.Length];
        var result = Run(images, labels, targets, kernel, gradient);
        var noise = new PhiloxRandom(options.Seed, (uint)step);
        for (int i = 0; i < 4 * classes; i++)
        {
            float g = gradient[i] / labels.Length + (noise.NextSingle() - 0.5f) * 0.01f;
            m[i] = Momentum * m[i] + (1 - Momentum) * g;
            v[i] = Decay * v[i] + (1 - Decay) * g * g;
            kernel[i] -= learningRate * m[i] / (MathF.Sqrt(v[i]) + 1e-3f);
        }

        state = new EngineState(Replace(state.Weights, kernel), Replace(state.AdamM, m), Replace(state.AdamV, v), step);
        return result;
    }

    public void UpdateStatistics(ReadOnlySpan<byte> images, double momentum)
    {
        // A moving mean that the images decide, so that whoever forgets or reorders the updates ends in other bits.
        double mean = 0;
        foreach (byte value in images)
        {
            mean += value / 255.0 / images.Length;
        }

        state = state with { Weights = [.. state.Weights.Select(t => t.Name == "batch_normalization/moving_mean" ? new WeightTensor(t.Name, t.Shape, [.. t.ToArray().Select(v => (float)(v * momentum + mean * (1 - momentum)))]) : t)] };
    }

    public void ReadWeights(Span<float> weights)
    {
        foreach (var tensor in state.Weights)
        {
            tensor.Values.CopyTo(weights);
            weights = weights[tensor.Count..];
        }
    }

    public BatchResult Evaluate(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels) => Run(images, labels, [], Find(state.Weights, "dense/kernel"), null);

    public void Predict(ReadOnlySpan<byte> images, Span<float> probabilities)
    {
        float[] kernel = Find(state.Weights, "dense/kernel");
        for (int i = 0; i < images.Length / CnnArchitecture.ImageBytes; i++)
        {
            Probabilities(Features(images.Slice(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes)), kernel).CopyTo(probabilities[(i * classes)..]);
        }
    }

    public EngineState ExportState() => state;

    public void ImportState(EngineState state) => this.state = state;

    public void Dispose() => IsDisposed = true;

    private static float[] Find(IEnumerable<WeightTensor> tensors, string name) => tensors.Single(t => t.Name == name).ToArray();

    private static List<WeightTensor> Replace(IEnumerable<WeightTensor> tensors, float[] kernel) =>
        [.. tensors.Select(t => t.Name == "dense/kernel" ? new WeightTensor(t.Name, t.Shape, kernel) : t)];

    private static float[] Features(ReadOnlySpan<byte> image)
    {
        var sums = new float[4];
        for (int i = 0; i < image.Length; i++)
        {
            sums[i % 3] += image[i];
        }

        return [sums[0] / Block / 255 - 0.5f, sums[1] / Block / 255 - 0.5f, sums[2] / Block / 255 - 0.5f, 1];
    }

    private float[] Probabilities(float[] features, float[] kernel)
    {
        var p = new float[classes];
        for (int c = 0; c < classes; c++)
        {
            for (int f = 0; f < 4; f++)
            {
                p[c] += features[f] * kernel[f * classes + c];
            }
        }

        float max = p.Max(), sum = p.Sum(z => MathF.Exp(z - max));
        return [.. p.Select(z => MathF.Exp(z - max) / sum)];
    }

    private BatchResult Run(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float[] kernel, float[]? gradient)
    {
        double loss = 0;
        int correct = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            float[] x = Features(images.Slice(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes)), p = Probabilities(x, kernel);
            var t = new float[classes];
            t[labels[i]] = 1;
            if (targets.Length > 0)
            {
                targets.Slice(i * classes, classes).CopyTo(t);
            }

            loss -= t.Zip(p, (share, value) => share * Math.Log(value)).Sum();
            float sum = t.Sum();
            correct += Array.IndexOf(p, p.Max()) == labels[i] ? 1 : 0;
            for (int j = 0; gradient is not null && j < 4 * classes; j++)
            {
                gradient[j] += x[j / classes] * (p[j % classes] * sum - t[j % classes]);
            }
        }

        return new BatchResult(loss, correct, labels.Length);
    }
}
