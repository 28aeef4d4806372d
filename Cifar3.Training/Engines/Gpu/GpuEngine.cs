using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>
/// Trains the network on a GPU with nothing but the GPU's driver: no package, no toolkit. The kernels are one text in OpenCL C, which the driver compiles;
/// for NVIDIA's own driver it comes as PTX, made of that text.
/// </summary>
/// <remarks>
/// Everything is float32, with sums that keep what rounding loses where the batch's statistics and gradients need it; no TF32, no atomics.
/// Deterministic: the same seed gives the same bits on the same device and driver. Not thread-safe: one call at a time. Dispose it to free the
/// device's memory (about 130 MB with a batch of 128). <see cref="TrainingEngine.Auto"/> chooses it on NVIDIA's cards. OpenCL has been run on
/// processors alone (PoCL). See <c>docs/gpu.md</c>.
/// </remarks>
/// <example><code>
/// using var engine = new GpuEngine(model, new EngineOptions { Seed = 1 });
/// BatchResult result = engine.TrainStep(images, labels, learningRate: 0.001f, step: 1);
/// </code></example>
public sealed partial class GpuEngine : ITrainingEngine
{
    private const int FewestImages = 32; // that fit into the buffers, for evaluation with small batches

    private readonly GpuDevice device;
    private readonly GpuContext context;
    private readonly GpuNetwork network;
    private readonly int classes, maxBatch;
    private readonly float[] results;
    private long step;
    private bool disposed;

    /// <summary>Opens the first GPU, or the device that the environment variable <c>CIFAR3_GPU</c> names, with a model's weights, at step 0.</summary>
    /// <param name="model">The network and its initial weights.</param>
    /// <param name="options">Seed, batch size, what is frozen; null for the defaults. Default: null. The number of threads does not matter.</param>
    /// <exception cref="GpuException">There is no such device: lists what was looked for. Or its driver refused.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    /// <exception cref="Cifar3Exception">The buffers would be too large: very wide filters with large batches.</exception>
    public GpuEngine(CnnModel model, EngineOptions? options = null)
        : this(model, options ?? new EngineOptions(), OpenDevice)
    {
    }

    /// <param name="model">The network and its initial weights.</param>
    /// <param name="options">Options.</param>
    /// <param name="open">Opens the device, which the engine owns.</param>
    internal GpuEngine(CnnModel model, EngineOptions options, Func<GpuDevice> open)
    {
        ArgumentNullException.ThrowIfNull(model);
        EngineChecks.Options(options, model);
        (classes, maxBatch) = (model.Architecture.Classes, options.MaxBatchSize);
        device = open();
        try
        {
            context = new GpuContext(device, model, options, Math.Max(maxBatch, FewestImages));
            network = new GpuNetwork(context, model);
            results = new float[context.Images * (1 + classes)];
            state = new float[context.Parameters.StateSize];
            ImportState(EngineState.Initial(model));
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Device and driver that a new engine takes: opens it, lets the driver compile the kernels, and gives it back.</summary>
    /// <returns>In words, as <see cref="Device"/>.</returns>
    /// <exception cref="GpuException">There is none: lists what was looked for. Or its driver refused.</exception>
    public static string DescribeDevice()
    {
        using var found = OpenDevice();
        return found.Description;
    }

    /// <inheritdoc/>
    public string Name => $"GPU {ModelMetadata.CurrentVersion}";

    /// <summary>Device and driver, such as <c>NVIDIA H100 80GB HBM3 (CUDA driver 12.4, sm_90)</c> or <c>AMD Radeon RX 7900 XTX (OpenCL, AMD Accelerated Parallel Processing 3614.0)</c>.</summary>
    public string Device => device.Description;

    /// <summary>True: the same seed gives the same bits on the same device and driver.</summary>
    public bool IsDeterministic => true;

    /// <inheritdoc/>
    /// <exception cref="GpuException">The driver refused a launch or a copy; nothing was changed.</exception>
    public BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float learningRate, long step)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        EngineChecks.TrainStep(images, labels, targets, learningRate, step, classes, maxBatch);
        int n = labels.Length;
        device.Write(network.Pixels, images);
        device.Write(network.Labels, MemoryMarshal.AsBytes(labels));
        if (targets.Length > 0)
        {
            device.Write(network.Targets, MemoryMarshal.AsBytes(targets));
        }

        network.Forward(n, GpuPass.Training, step, targets.Length > 0);
        device.StartRead(network.Results, ResultBytes(n).Length);
        network.Backward(n);
        device.EndRead(ResultBytes(n)); // what the driver refuses shows before anything has changed
        network.Update(learningRate, step);
        this.step = step;
        return Measure(labels, default);
    }

    /// <inheritdoc/>
    /// <exception cref="GpuException">The driver refused a launch or a copy; nothing was changed.</exception>
    public void UpdateStatistics(ReadOnlySpan<byte> images, double momentum)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        int n = EngineChecks.Statistics(images, momentum, maxBatch);
        device.Write(network.Pixels, images);
        network.FindStatistics(n);
        device.Secure(); // nothing has changed yet
        network.UpdateMoving((float)(1 - momentum));
    }

    /// <inheritdoc/>
    /// <exception cref="GpuException">The driver refused a launch or a copy.</exception>
    public BatchResult Evaluate(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        EngineChecks.Labelled(images, labels, classes);
        BatchResult total = default;
        for (int first = 0; first < labels.Length; first += context.Images)
        {
            var part = labels.Slice(first, Math.Min(context.Images, labels.Length - first));
            device.Write(network.Labels, MemoryMarshal.AsBytes(part));
            Infer(images, first, part.Length);
            ReadResults(part.Length);
            total = Measure(part, total);
        }

        return total;
    }

    /// <inheritdoc/>
    /// <exception cref="GpuException">The driver refused a launch or a copy.</exception>
    public void Predict(ReadOnlySpan<byte> images, Span<float> probabilities)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        int count = EngineChecks.Predict(images, probabilities, classes);
        for (int first = 0; first < count; first += context.Images)
        {
            int n = Math.Min(context.Images, count - first);
            Infer(images, first, n);
            ReadResults(n);
            results.AsSpan(n, n * classes).CopyTo(probabilities[(first * classes)..]);
        }
    }

    /// <summary>What the layers computed for the first images of the last call, in the layers' order, dense last; flatten is missing.</summary>
    internal IReadOnlyDictionary<string, float[]> Activations(CnnModel model, int images, int n)
    {
        ReadResults(n);
        var found = model.Layers.Where(layer => layer is not FlattenLayer and not DenseLayer).Zip(network.Outputs()).ToDictionary(pair => pair.First.Name, pair =>
        {
            float[] values = new float[pair.First.OutputShape.Aggregate(images, (a, b) => a * b)];
            device.Read(pair.Second, MemoryMarshal.AsBytes(values.AsSpan()));
            return values;
        });
        found.Add("dense", results[n..(n + images * classes)]);
        return found;
    }

    /// <summary>Frees the device's memory. Further calls throw <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        disposed = true;
        device.Dispose();
    }

    /// <summary>For measuring: the device.</summary>
    internal GpuDevice OpenedDevice => device;

    /// <summary>For measuring: numbers that <see cref="ReadWeights"/> reads.</summary>
    internal int WeightCount => FirstMoments;

    /// <summary>For measuring: the launches of a step on the batch that is there, and nothing else: no copies, no waiting.</summary>
    internal void LaunchStep(int n, float learningRate, long step)
    {
        network.Forward(n, GpuPass.Training, step, hasTargets: false);
        network.Backward(n);
        network.Update(learningRate, step);
    }

    private static GpuDevice OpenDevice() => GpuSearch.Open(Environment.GetEnvironmentVariable(GpuSearch.Variable));

    private void Infer(ReadOnlySpan<byte> images, int first, int n)
    {
        device.Write(network.Pixels, images.Slice(first * CnnArchitecture.ImageBytes, n * CnnArchitecture.ImageBytes));
        network.Forward(n, GpuPass.Inference, null, hasTargets: false);
    }

    private Span<byte> ResultBytes(int n) => MemoryMarshal.AsBytes(results.AsSpan(0, n * (1 + classes)));

    private void ReadResults(int n) => device.Read(network.Results, ResultBytes(n));

    /// <summary>Adds up what a forward pass left and was read, image by image: the same bits however the images were cut into batches.</summary>
    private unsafe BatchResult Measure(ReadOnlySpan<int> labels, BatchResult before)
    {
        int n = labels.Length;
        var (lossSum, correct, count) = before;
        fixed (float* probabilities = results.AsSpan(n))
        {
            for (int image = 0; image < n; image++)
            {
                lossSum += results[image];
                correct += Softmax.ArgMax(probabilities + (long)image * classes, classes) == labels[image] ? 1 : 0;
            }
        }

        return new BatchResult(lossSum, correct, count + n);
    }
}
