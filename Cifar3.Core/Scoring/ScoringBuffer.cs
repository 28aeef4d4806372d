using Microsoft.ML.OnnxRuntime;

namespace Cifar3;

/// <summary>
/// Input [n, 32, 32, 3] or [n, 3, 32, 32] and output [n, classes] of one run, in memory that ONNX Runtime reads and writes in place.
/// Kept between runs: a run of the same size as the last allocates nothing here. Not thread-safe.
/// </summary>
internal sealed class ScoringBuffer(OnnxSignature signature) : IDisposable
{
    private readonly OrtValue[] inputs = new OrtValue[1], outputs = new OrtValue[1];
    private float[] images = [], probabilities = [];
    private readonly int classes = signature.Classes;
    private int count;

    /// <summary>The input tensor.</summary>
    public IReadOnlyCollection<OrtValue> Inputs => inputs;

    /// <summary>The output tensor.</summary>
    public IReadOnlyCollection<OrtValue> Outputs => outputs;

    /// <summary>The input's elements.</summary>
    public Span<float> Images => images.AsSpan(0, count * CnnArchitecture.ImageBytes);

    /// <summary>The output's elements.</summary>
    public ReadOnlySpan<float> Probabilities => probabilities.AsSpan(0, count * classes);

    /// <summary>Makes the tensors hold <paramref name="n"/> images; their contents are lost.</summary>
    public void Resize(int n)
    {
        if (n == count)
        {
            return;
        }

        Dispose();
        if (images.Length < n * CnnArchitecture.ImageBytes)
        {
            images = GC.AllocateUninitializedArray<float>(n * CnnArchitecture.ImageBytes);
            probabilities = GC.AllocateUninitializedArray<float>(n * classes);
        }

        inputs[0] = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, images.AsMemory(0, n * CnnArchitecture.ImageBytes), [n, .. signature.ImageShape]);
        outputs[0] = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, probabilities.AsMemory(0, n * classes), [n, classes]);
        count = n;
    }

    /// <summary>Frees the tensors; the buffer may be resized again.</summary>
    public void Dispose()
    {
        inputs[0]?.Dispose();
        outputs[0]?.Dispose();
        count = 0;
    }
}
