using Microsoft.ML.OnnxRuntime;

namespace Cifar3.Benchmarks;

/// <summary>ONNX Runtime itself on an exported model, with nothing of this library around it: the peer of evaluation and scoring.</summary>
internal sealed class OnnxRuntimeModel : IDisposable
{
    private readonly InferenceSession session;
    private readonly RunOptions runOptions = new();
    private readonly string[] inputs, outputs;

    /// <summary>Opens a model on the CPU.</summary>
    /// <param name="path">An .onnx file with one input [N, 32, 32, 3] and one output [N, classes].</param>
    /// <param name="threads">Threads of one run.</param>
    public OnnxRuntimeModel(string path, int threads)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        session = new InferenceSession(path, options);
        (inputs, outputs) = ([.. session.InputMetadata.Keys], [.. session.OutputMetadata.Keys]);
        Classes = session.OutputMetadata[outputs[0]].Dimensions[^1];
    }

    /// <summary>Name and version for the tables.</summary>
    public static string Name => $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}";

    public int Classes { get; }

    /// <summary>Runs the model once.</summary>
    /// <param name="images">[count, 32, 32, 3], uint8 / 255.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="probabilities">Receives [count, classes].</param>
    public void Run(Memory<float> images, int count, Memory<float> probabilities)
    {
        using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, images, [count, 32, 32, 3]);
        using var output = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, probabilities, [count, Classes]);
        session.Run(runOptions, inputs, [input], outputs, [output]);
    }

    public void Dispose()
    {
        session.Dispose();
        runOptions.Dispose();
    }
}
