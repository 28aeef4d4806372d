using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Cifar3;

/// <summary>
/// Input and output of runs of up to <see cref="Capacity"/> images, in memory that ONNX Runtime reads and writes in place.
/// Tensors are bound once for each number of images and kept: a further run of a known size allocates nothing. Not thread-safe.
/// </summary>
/// <remarks>
/// Where a GPU computes, the input lies in page-locked memory, which the card fetches by itself, if there is any. It is bound as what it is to ONNX Runtime, memory
/// of the processor: copies and their order stay the same. The output stays in ordinary memory, so that a run has ended when its copy has.
/// </remarks>
internal sealed unsafe class OnnxBuffer : IDisposable
{
    private readonly InferenceSession session;
    private readonly OnnxSignature signature;
    private readonly float[] probabilities, floats = [];
    private readonly byte[] bytes = [];
    private readonly Binding?[] bindings;
    private readonly OrtMemoryAllocation? locked;

    /// <summary>Allocates a buffer.</summary>
    /// <param name="session">The session.</param>
    /// <param name="signature">Its input and output.</param>
    /// <param name="capacity">The most images.</param>
    /// <param name="allocator">Gives the input's memory; null, or one that has none left, for ordinary memory.</param>
    public OnnxBuffer(InferenceSession session, OnnxSignature signature, int capacity, OrtAllocator? allocator = null)
    {
        (this.session, this.signature) = (session, signature);
        bindings = new Binding?[capacity + 1];
        probabilities = GC.AllocateArray<float>(capacity * signature.Classes, pinned: true);
        locked = allocator is null ? null : TryAllocate(allocator, capacity * CnnArchitecture.ImageBytes * (signature.TakesBytes ? sizeof(byte) : sizeof(float)));
        if (locked is not null)
        {
            return;
        }

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
            pixels.CopyTo(Input<byte>(bytes, pixels.Length));
        }
        else
        {
            signature.Scale(pixels, Input<float>(floats, pixels.Length));
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

        locked?.Dispose();
    }

    private static OrtMemoryAllocation? TryAllocate(OrtAllocator allocator, int bytes)
    {
        try
        {
            return allocator.Allocate((uint)bytes);
        }
        catch (OnnxRuntimeException)
        {
            return null; // page-locked memory is scarce, and ordinary memory only slower
        }
    }

    /// <summary>The first numbers of the input.</summary>
    private Span<T> Input<T>(T[] ordinary, int count)
        where T : unmanaged => locked is null ? ordinary.AsSpan(0, count) : new Span<T>((void*)locked.DangerousGetHandle(), count);

    /// <summary>
    /// A tensor over memory that does not move. ONNX Runtime's own way from an array (<c>CreateTensorValueFromMemory</c>) pins it once more, until the tensor is disposed: that of a
    /// classifier which nobody disposed kept its arrays for good.
    /// </summary>
    private static OrtValue Tensor<T>(TensorElementType type, long[] shape, Span<T> memory)
        where T : unmanaged => OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, type, shape, (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory)), memory.Length * sizeof(T));

    private Binding Bind(int n)
    {
        long[] shape = [n, .. signature.ImageShape];
        var input = signature.TakesBytes
            ? Tensor(TensorElementType.UInt8, shape, Input<byte>(bytes, n * CnnArchitecture.ImageBytes))
            : Tensor(TensorElementType.Float, shape, Input<float>(floats, n * CnnArchitecture.ImageBytes));
        var output = Tensor(TensorElementType.Float, [n, signature.Classes], probabilities.AsSpan(0, n * signature.Classes));
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
