namespace Cifar3;

/// <summary>How a <see cref="Cifar3Classifier"/> or <c>ApplyCifar3</c> computes.</summary>
public sealed record ClassifierOptions
{
    /// <summary>What scores. Default: <see cref="ScoringBackend.Auto"/>.</summary>
    public ScoringBackend Backend { get; init; }

    /// <summary>Number of the GPU, from 0, as nvidia-smi lists them; without effect on the CPU. Default: 0.</summary>
    public int DeviceId { get; init; }

    /// <summary>The most memory that ONNX Runtime takes on the GPU, in bytes; null = what it needs. Without effect on the CPU. Default: null.</summary>
    public long? DeviceMemoryLimit { get; init; }

    /// <summary>
    /// Whether an NVIDIA GPU may round float32 to TF32's 10 bits of mantissa: faster, but with other probabilities than the CPU's from the third
    /// digit on. Default: false.
    /// </summary>
    public bool AllowTf32 { get; init; }

    /// <summary>Threads of one call on the CPU; 0 = one for each core, at most 1,024. Set 1 where many threads call at once. Default: 0.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// Whether predictions tell how familiar an image looks, <see cref="Prediction.Familiarity"/> and <see cref="Prediction.IsFamiliar"/>: whether it is of
    /// any of the classes at all. Computed by the managed back end for models that <see cref="CnnModel.SaveOnnx(string)"/> wrote without
    /// options; ONNX Runtime's graphs give probabilities only. Default: false.
    /// </summary>
    public bool Familiarity { get; init; }

    /// <summary>
    /// Whether each image is scored as it is and mirrored, and the probabilities' mean is given: for models of things that look
    /// alike from left and right, at twice the time. Where classes are each other's mirror images (arrows, b and d) it makes them equally likely. Default: false.
    /// </summary>
    public bool FlipAveraging { get; init; }

    /// <summary>
    /// The classes' names in the order of the model's outputs; a model's own names in another order are refused. Null = those that the file tells: this library's files do; for others,
    /// such as tf2onnx's, a text file beside the model with one name a line, <c>model.classes.txt</c> for <c>model.onnx</c>. Default: null.
    /// </summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>
    /// How pixels become the numbers that a model of another tool takes. Null = what its graph shows: a graph that begins with constants which scale
    /// (Keras' <c>Rescaling</c>) gets what these expect, one of whole numbers the pixels, any other pixels / 255. Files of this library need none.
    /// Default: null.
    /// </summary>
    public InputScaling? InputScaling { get; init; }

    /// <summary>
    /// How much work and memory a graph that this library did not just make may ask for an image, in multiples of this network's (24.6 million
    /// multiplications, 0.2 million numbers of activations); at least 1. A graph that asks for more is refused before ONNX Runtime sees it. Default: 16.
    /// </summary>
    public int MaxModelCost { get; init; } = 16;

    /// <summary>
    /// The most pixels that an encoded picture may have, 1 to 536,870,911; a larger one is refused before memory is taken for it. Reading a
    /// picture takes its encoded bytes (twice from a stream), at most 8 MB, and 4 (most PNG, WEBP, GIF files) to 12 bytes a pixel (interlaced PNG of 16 bits);
    /// JPEG files that are not progressive and BMP files are read row by row and take none. Such JPEG files, as cameras write them, may have eight times as many pixels. Default: 67,108,864 (8,192×8,192).
    /// </summary>
    public int MaxImagePixels { get; init; } = ImageDecoder.DefaultMaxPixels;

    /// <summary>Checked options; the default ones for null.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is outside its range: names it.</exception>
    internal static ClassifierOptions Checked(ClassifierOptions? options)
    {
        options ??= new ClassifierOptions();
        options.Validate();
        return options;
    }

    internal void Validate()
    {
        Defined.Value(Backend, "There is no such back end.");
        if (Familiarity && Backend is (ScoringBackend.OnnxRuntime or ScoringBackend.Cuda))
        {
            throw new ArgumentException($"Familiarity needs the network's logits, which ONNX Runtime's graphs do not give. Received: Familiarity=true, Backend={Backend}. Choose ScoringBackend.Auto or Managed.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(MaxModelCost, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxImagePixels, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxImagePixels, ImageDecoder.LargestMaxPixels);
        ArgumentOutOfRangeException.ThrowIfNegative(DeviceId);
        ArgumentOutOfRangeException.ThrowIfNegative(Threads);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Threads, WorkerPool.MaxThreads);

        if (DeviceMemoryLimit is <= 0)
        {
            throw new ArgumentOutOfRangeException(nameof(DeviceMemoryLimit), DeviceMemoryLimit, $"The device's memory limit must be above 0 bytes, or null for none. Received: {DeviceMemoryLimit}.");
        }
    }
}
