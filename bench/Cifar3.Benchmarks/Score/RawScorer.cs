using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace Cifar3.Benchmarks;

/// <summary>ONNX Runtime with nothing around it, at its best: input ready in the graph's own type, memory bound once, its own threads, batches of 100.</summary>
internal sealed class RawScorer : IDisposable
{
    private const int Batch = 100;

    private readonly InferenceSession session;
    private readonly RunOptions runOptions = new();
    private readonly bool bytes;

    public RawScorer(string path, int threads)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        session = new InferenceSession(path, options);
        bytes = session.InputMetadata.Values.Single().ElementType == typeof(byte);
    }

    /// <summary>Images a second; making the batches is not counted.</summary>
    public double Rate(ImageSet images)
    {
        var runs = Enumerable.Range(0, images.Count / Batch).Select(i => Bind(images.Pixels.Slice(i * Batch * CnnArchitecture.ImageBytes, Batch * CnnArchitecture.ImageBytes))).ToList();
        long start = Stopwatch.GetTimestamp();
        foreach (var (binding, _) in runs)
        {
            session.RunWithBinding(runOptions, binding);
        }

        double rate = runs.Count * Batch / Stopwatch.GetElapsedTime(start).TotalSeconds;
        foreach (var (binding, tensors) in runs)
        {
            binding.Dispose();
            Array.ForEach(tensors, tensor => tensor.Dispose());
        }

        return rate;
    }

    public void Dispose()
    {
        session.Dispose();
        runOptions.Dispose();
    }

    private (OrtIoBinding Binding, OrtValue[] Tensors) Bind(ReadOnlySpan<byte> pixels)
    {
        long[] shape = [Batch, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels];
        var input = bytes
            ? OrtValue.CreateTensorValueFromMemory(pixels.ToArray(), shape)
            : OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(pixels.ToArray(), pixel => pixel / 255f), shape);
        int classes = session.OutputMetadata.Values.Single().Dimensions[^1];
        var output = OrtValue.CreateTensorValueFromMemory(new float[Batch * classes], [Batch, classes]);
        var binding = session.CreateIoBinding();
        binding.BindInput(session.InputNames[0], input);
        binding.BindOutput(session.OutputNames[0], output);
        return (binding, [input, output]);
    }
}
