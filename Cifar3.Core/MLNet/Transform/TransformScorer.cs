namespace Cifar3;

/// <summary>
/// What a transformer scores with: an NVIDIA GPU through ONNX Runtime where it is asked for or offered, else this library's own kernels, which are
/// faster on the CPU than ONNX Runtime and need no native library.
/// </summary>
/// <remarks>Thread-safe; a dispose during calls waits for none. On the CPU an image gets the same bits alone and among others.</remarks>
internal sealed class TransformScorer : IDisposable
{
    private readonly Cifar3Classifier? gpu;
    private readonly ManagedScorer? cpu;

    /// <exception cref="Cifar3Exception">CUDA was asked for and cannot be had.</exception>
    public TransformScorer(CnnModel model, ClassifierOptions? options)
    {
        options ??= new ClassifierOptions();
        if (options.ExecutionProvider == ExecutionProvider.Cuda || (options.ExecutionProvider == ExecutionProvider.Auto && OffersCuda()))
        {
            gpu = Cifar3Classifier.FromModel(model, options);
        }

        if (gpu?.ExecutionProvider != ExecutionProvider.Cuda)
        {
            gpu?.Dispose();
            gpu = null;
            cpu = new ManagedScorer(model, options.Threads);
        }
    }

    /// <summary>Probabilities of images.</summary>
    /// <param name="pixels">[N, 32, 32, 3].</param>
    /// <param name="probabilities">Receives [N, classes].</param>
    /// <exception cref="ObjectDisposedException">The scorer is disposed.</exception>
    public void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        if (cpu is not null)
        {
            cpu.Predict(pixels, probabilities);
        }
        else
        {
            gpu!.Score(pixels, probabilities);
        }
    }

    public void Dispose()
    {
        cpu?.Dispose();
        gpu?.Dispose();
    }

    private static bool OffersCuda()
    {
        try
        {
            return OnnxRuntimeLibrary.Load().Providers.Contains("CUDAExecutionProvider");
        }
        catch (Cifar3Exception)
        {
            return false; // a program without ONNX Runtime's native library
        }
    }
}
