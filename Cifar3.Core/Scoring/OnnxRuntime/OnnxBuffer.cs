using Microsoft.ML.OnnxRuntime;

namespace Cifar3;

/// <summary>
/// Input and output of runs of up to <see cref="Capacity"/> images, in memory that ONNX Runtime reads and writes in place.
/// Tensors are bound once for each number of images and kept: a further run of a known size allocates nothing. Not thread-safe.
/// </summary>
internal sealed class OnnxBuffer : IDisposable
{
    private readonly InferenceSession session;
    private readonly OnnxSignature signature;
    private readonly float[] probabilities, floats = [];
    private readonly byte[] bytes = [];
    private readonly Binding?[] bindings;

    /// <summary>Allocates a buffer.</summary>
    public OnnxBuffer(InferenceSession session, OnnxSignature signature, int capacity)
    {
        (this.session, this.signature) = (session, signature);
        bindings = new Binding?[capacity + 1];
        probabilities = GC.AllocateArray<float>(capacity * signature.Classes, pinned: true);
        if (signature.TakesBytes)
        {
            bytes = GC.AllocateArray<byte>(capacity * CnnArchitecture.ImageBytes, pinned: true);
        }
        else
        {
            floats = GC.AllocateArray<float>(capacity * CnnArchitecture.ImageBytes, pinned: true);
        }
    }

    /// <summary>The most images of one run.</summary>
    public int Capacity => bindings.Length - 1;

    /// <summary>Fills the input with pixels [n, 32, 32, 3] and gives its tensors.</summary>
    public Binding Load(ReadOnlySpan<byte> pixels)
    {
        if (signature.TakesBytes)
        {
            pixels.CopyTo(bytes);
        }
        else
        {
            signature.Scale(pixels, floats);
        }

        int n = pixels.Length / CnnArchitecture.ImageBytes;
        return bindings[n] ??= Bind(n);
    }

    /// <summary>Takes the probabilities [n, classes] of the run just done.</summary>
    public void Store(Span<float> target) => signature.Finish(probabilities.AsSpan(0, target.Length), target);

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        foreach (var binding in bindings)
        {
            binding?.Dispose();
        }
    }

    private Binding Bind(int n)
    {
        long[] shape = [n, .. signature.ImageShape];
        var input = signature.TakesBytes
            ? OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, bytes.AsMemory(0, n * CnnArchitecture.ImageBytes), shape)
            : OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, floats.AsMemory(0, n * CnnArchitecture.ImageBytes), shape);
        var output = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, probabilities.AsMemory(0, n * signature.Classes), [n, signature.Classes]);
        var io = session.CreateIoBinding();
        io.BindInput(signature.InputName, input);
        io.BindOutput(signature.OutputName, output);
        return new Binding(input, output, io);
    }

    /// <summary>The tensors of one number of images, and ONNX Runtime's binding of them.</summary>
    internal sealed record Binding(OrtValue Input, OrtValue Output, OrtIoBinding Io) : IDisposable
    {
        public void Dispose()
        {
            Io.Dispose();
            Input.Dispose();
            Output.Dispose();
        }
    }
}
