using System.Collections.Concurrent;
using Microsoft.ML.OnnxRuntime;

namespace Cifar3;

/// <summary>
/// An ONNX Runtime session over one model: pixels in, probabilities out, in pieces of at most <see cref="chunk"/> images.
/// Thread-safe; a dispose during calls waits for none and frees the session when the last of them ends.
/// </summary>
internal sealed class OnnxSession : IDisposable
{
    /// <summary>Images of one run: enough to fill the cores, few enough to stay in the CPU's caches.</summary>
    private const int CpuChunk = 64, CudaChunk = 1024;

    private readonly InferenceSession session;
    private readonly OnnxSignature signature;
    private readonly string[] inputNames, outputNames;
    private readonly RunOptions runOptions = new();
    private readonly ConcurrentBag<ScoringBuffer> buffers = [];
    private readonly int chunk;
    private int users = 1; // the owner and the running calls; the session is freed at 0
    private int disposed;

    private OnnxSession(InferenceSession session, OnnxSignature signature, ExecutionProvider provider, string device, string? fallbackReason)
    {
        (this.session, this.signature) = (session, signature);
        (inputNames, outputNames) = ([signature.InputName], [signature.OutputName]);
        chunk = signature.OneImageOnly ? 1 : provider == ExecutionProvider.Cuda ? CudaChunk : CpuChunk;
        (Provider, Device, FallbackReason) = (provider, device, fallbackReason);
    }

    /// <summary>What it computes on: Cpu or Cuda.</summary>
    public ExecutionProvider Provider { get; }

    /// <summary>Runtime, version and device in words.</summary>
    public string Device { get; }

    /// <summary>Why Auto took the CPU although the runtime offers CUDA; null otherwise.</summary>
    public string? FallbackReason { get; }

    /// <summary>Creates a session.</summary>
    /// <param name="model">An ONNX model.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="signature">Its input and output.</param>
    /// <param name="options">Checked options.</param>
    /// <exception cref="Cifar3Exception">The native library is missing, or CUDA was asked for and cannot be had.</exception>
    /// <exception cref="Cifar3ModelException">ONNX Runtime refuses the model.</exception>
    public static OnnxSession Create(byte[] model, string name, OnnxSignature signature, ClassifierOptions options)
    {
        var (version, providers) = OnnxRuntimeLibrary.Load();
        bool offersCuda = providers.Contains("CUDAExecutionProvider");
        string? reason = null;
        if (options.ExecutionProvider == ExecutionProvider.Cuda && !offersCuda)
        {
            throw new Cifar3Exception($"Cannot use CUDA: the program's ONNX Runtime {version} is built without it. Expected CUDAExecutionProvider, found {string.Join(", ", providers)}. Reference the package {OnnxRuntimeLibrary.GpuPackage} instead of {OnnxRuntimeLibrary.CpuPackage}, or choose ExecutionProvider.Auto or Cpu.");
        }

        if (options.ExecutionProvider != ExecutionProvider.Cpu && offersCuda)
        {
            try
            {
                return new(CreateSession(model, options, cuda: true), signature, ExecutionProvider.Cuda, $"ONNX Runtime {version}, CUDA device {options.DeviceId}", null);
            }
            catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException)
            {
                reason = e.Message;
                if (options.ExecutionProvider == ExecutionProvider.Cuda)
                {
                    throw new Cifar3Exception($"Cannot use CUDA device {options.DeviceId}: {reason.TrimEnd('.')}. Expected an NVIDIA GPU with driver, CUDA and cuDNN as ONNX Runtime {version} wants them (onnxruntime.ai, 'CUDA Execution Provider'). Install them, or choose ExecutionProvider.Auto or Cpu.", e);
                }
            }
        }

        try
        {
            return new(CreateSession(model, options, cuda: false), signature, ExecutionProvider.Cpu, $"ONNX Runtime {version}, CPU", reason);
        }
        catch (OnnxRuntimeException e)
        {
            throw OnnxFile.Unreadable(name, $"ONNX Runtime {version} refuses it: {e.Message.TrimEnd('.')}", "Save the model again, or update the package of ONNX Runtime", e);
        }
    }

    /// <summary>Probabilities of any number of images.</summary>
    /// <param name="pixels">[N, 32, 32, 3], uint8.</param>
    /// <param name="probabilities">Receives [N, classes].</param>
    /// <exception cref="ObjectDisposedException">The session is disposed.</exception>
    /// <exception cref="Cifar3Exception">ONNX Runtime failed: no memory, device lost.</exception>
    public void Run(ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        Enter();
        try
        {
            if (!buffers.TryTake(out var buffer))
            {
                buffer = new ScoringBuffer(signature);
            }

            try
            {
                for (int count = pixels.Length / CnnArchitecture.ImageBytes, done = 0; done < count; done += chunk)
                {
                    int n = Math.Min(chunk, count - done);
                    buffer.Resize(n);
                    signature.Scale(pixels.Slice(done * CnnArchitecture.ImageBytes, n * CnnArchitecture.ImageBytes), buffer.Images);
                    session.Run(runOptions, inputNames, buffer.Inputs, outputNames, buffer.Outputs);
                    signature.Finish(buffer.Probabilities, probabilities[(done * signature.Classes)..]);
                }
            }
            finally
            {
                buffers.Add(buffer);
            }
        }
        catch (OnnxRuntimeException e)
        {
            throw new Cifar3Exception($"Cannot score on {Device}: {e.Message.TrimEnd('.')}. Free memory on the device, or choose ExecutionProvider.Cpu.", e);
        }
        finally
        {
            Exit();
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 0)
        {
            Exit();
        }
    }

    private static InferenceSession CreateSession(byte[] model, ClassifierOptions options, bool cuda)
    {
        using var sessionOptions = new SessionOptions { IntraOpNumThreads = options.Threads, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        if (!cuda)
        {
            return new InferenceSession(model, sessionOptions);
        }

        using var cudaOptions = new OrtCUDAProviderOptions();
        cudaOptions.UpdateOptions(new()
        {
            ["device_id"] = $"{options.DeviceId}",
            ["use_tf32"] = "0", // float32 all through, so that the GPU's probabilities are the CPU's
        });
        sessionOptions.AppendExecutionProvider_CUDA(cudaOptions);
        return new InferenceSession(model, sessionOptions);
    }

    private void Enter()
    {
        int seen = Volatile.Read(ref users);
        while (true)
        {
            ObjectDisposedException.ThrowIf(disposed != 0 || seen == 0, typeof(Cifar3Classifier));
            int found = Interlocked.CompareExchange(ref users, seen + 1, seen);
            if (found == seen)
            {
                return;
            }

            seen = found;
        }
    }

    private void Exit()
    {
        if (Interlocked.Decrement(ref users) > 0)
        {
            return;
        }

        while (buffers.TryTake(out var buffer))
        {
            buffer.Dispose();
        }

        session.Dispose();
        runOptions.Dispose();
    }
}
