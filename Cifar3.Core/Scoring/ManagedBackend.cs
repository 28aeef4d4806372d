namespace Cifar3;

/// <summary>Scores with the library's own kernels.</summary>
internal sealed class ManagedBackend(CnnModel model, int threads) : IScorer
{
    private readonly ManagedScorer scorer = new(model, threads);

    public ExecutionProvider Provider => ExecutionProvider.Cpu;

    public string Device => $"{ManagedScorer.Name}, {scorer.Device}";

    public string? FallbackReason => null;

    public int Threads { get; } = threads > 0 ? threads : Environment.ProcessorCount;

    public int PieceSize => ManagedScorer.PieceSize;

    /// <summary>Reads a model that the kernels can run.</summary>
    /// <exception cref="Cifar3ModelException">The file is damaged, of a flavour for ONNX Runtime, or another tool's.</exception>
    public static CnnModel ReadModel(byte[] onnx, string name)
    {
        const string Remedy = "Choose ScoringBackend.OnnxRuntime, or save the model with SaveOnnx without options";
        if (ScoringFile.IsOne(onnx, name))
        {
            throw OnnxFile.Unreadable(name, "the managed back end expects a model with Keras' layers one by one, found one of a flavour for ONNX Runtime (OnnxFlavor.Optimized or Int8)", Remedy);
        }

        return OnnxReader.IsOwn(onnx, name)
            ? OnnxReader.Read(onnx, name)
            : throw OnnxFile.Unreadable(name, "the managed back end expects a model that this library saved, found another tool's", Remedy);
    }

    public void Run(ReadOnlySpan<byte> pixels, Span<float> probabilities) => scorer.Predict(pixels, probabilities);

    public void RunPiece(ReadOnlySpan<byte> pixels, Span<float> probabilities) => scorer.PredictPiece(pixels, probabilities);

    public void Dispose() => scorer.Dispose();
}
