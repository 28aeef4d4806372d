using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace Cifar3;

/// <summary>Scores through ONNX Runtime, on the CPU or an NVIDIA GPU.</summary>
/// <remarks>
/// On the CPU there are two sessions. One image alone runs in the wide one, over all threads, for latency. Batches, and single images that
/// come while other calls run, take the narrow one of one thread, many runs at a time. Measured on two cores: narrow
/// gives 4,290 images a second of the float32 network against 3,530, wide answers one image in 0.35 ms against 0.46.
/// </remarks>
internal sealed class OnnxSession : IScorer
{
    /// <summary>Images of one run: few enough to stay in a core's cache, or enough to fill a GPU.</summary>
    private const int CpuPiece = 32, CudaPiece = 1024;

    private static readonly ConcurrentDictionary<string, bool> Logged = new();

    private readonly OnnxRunner narrow, wide;
    private readonly ConcurrentBag<ParallelRun> parallelRuns = [];
    private readonly UseCount uses;

    private OnnxSession(OnnxRunner narrow, OnnxRunner wide, int threads, ExecutionProvider provider, string device, string? fallbackReason)
    {
        (this.narrow, this.wide, Threads) = (narrow, wide, threads);
        (Provider, Device, FallbackReason) = (provider, device, fallbackReason);
        uses = new UseCount(Free);
    }

    public ExecutionProvider Provider { get; }

    public string Device { get; }

    public string? FallbackReason { get; }

    public int Threads { get; }

    public int PieceSize => narrow.Capacity;

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
        return Create(model, name, signature, options, version, providers);
    }

    /// <summary>The same with what the native library says of itself.</summary>
    internal static OnnxSession Create(byte[] model, string name, OnnxSignature signature, ClassifierOptions options, string version, IReadOnlyList<string> providers)
    {
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
                var runner = new OnnxRunner(CudaSession(model, options), signature, signature.OneImageOnly ? 1 : CudaPiece, onDevice: true);
                return new(runner, runner, threads: 1, ExecutionProvider.Cuda, $"ONNX Runtime {version}, CUDA device {options.DeviceId}", null);
            }
            catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException)
            {
                reason = e.Message;
                if (options.ExecutionProvider == ExecutionProvider.Cuda)
                {
                    throw new Cifar3Exception($"Cannot use CUDA device {options.DeviceId}: {reason.TrimEnd('.')}. Expected an NVIDIA GPU with driver, CUDA and cuDNN as ONNX Runtime {version} wants them (onnxruntime.ai, 'CUDA Execution Provider'). Install them, or choose ExecutionProvider.Auto or Cpu.", e);
                }

                LogFallback(reason);
            }
        }

        try
        {
            int threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount, capacity = signature.OneImageOnly ? 1 : CpuPiece;
            var narrow = new OnnxRunner(CpuSession(model, 1), signature, capacity, onDevice: false);
            var wide = threads == 1 ? narrow : new OnnxRunner(CpuSession(model, threads), signature, capacity: 1, onDevice: false);
            return new(narrow, wide, threads, ExecutionProvider.Cpu, $"ONNX Runtime {version}, CPU", reason);
        }
        catch (OnnxRuntimeException e)
        {
            throw OnnxFile.Unreadable(name, $"ONNX Runtime {version} refuses it: {e.Message.TrimEnd('.')}", "Save the model again, or update the package of ONNX Runtime", e);
        }
    }

    public void Run(ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        int count = pixels.Length / CnnArchitecture.ImageBytes;
        uses.Enter();
        try
        {
            if (count == 1)
            {
                (uses.IsSingle ? wide : narrow).Run(pixels, probabilities);
            }
            else if (Threads > 1 && count > 1)
            {
                ParallelRun.Score(parallelRuns, narrow, Threads, pixels, probabilities);
            }
            else
            {
                RunInTurn(pixels, probabilities);
            }
        }
        catch (OnnxRuntimeException e)
        {
            throw Failure(e);
        }
        finally
        {
            uses.Exit();
        }
    }

    public void RunPiece(ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        uses.Enter();
        try
        {
            RunInTurn(pixels, probabilities);
        }
        catch (OnnxRuntimeException e)
        {
            throw Failure(e);
        }
        finally
        {
            uses.Exit();
        }
    }

    public void Dispose() => uses.Dispose();

    private void RunInTurn(ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        int piece = narrow.Capacity;
        for (int count = pixels.Length / CnnArchitecture.ImageBytes, done = 0; done < count; done += piece)
        {
            int n = Math.Min(piece, count - done);
            narrow.Run(pixels.Slice(done * CnnArchitecture.ImageBytes, n * CnnArchitecture.ImageBytes), probabilities.Slice(done * narrow.Classes, n * narrow.Classes));
        }
    }

    private Cifar3Exception Failure(OnnxRuntimeException e) =>
        new($"Cannot score on {Device}: {e.Message.TrimEnd('.')}. Free memory on the device, or choose ExecutionProvider.Cpu.", e);

    private static InferenceSession CpuSession(byte[] model, int threads)
    {
        using var options = Options();
        options.IntraOpNumThreads = threads;

        if (!Vnni.IsSupported)
        {
            // ONNX Runtime then avoids the instruction that adds pairs of 8-bit products in 16 bits, where they can overflow. With VNNI, which
            // adds in 32 bits, it would only be 2.4 times slower.
            options.AddSessionConfigEntry("session.x64quantprecision", "1");
        }

        return new InferenceSession(model, options);
    }

    private static InferenceSession CudaSession(byte[] model, ClassifierOptions options)
    {
        using var sessionOptions = Options();
        using var cuda = new OrtCUDAProviderOptions();
        var settings = new Dictionary<string, string>
        {
            ["device_id"] = $"{options.DeviceId}",
            ["use_tf32"] = options.AllowTf32 ? "1" : "0",
        };
        if (options.DeviceMemoryLimit is { } limit)
        {
            settings["gpu_mem_limit"] = $"{limit}";
        }

        cuda.UpdateOptions(settings);
        sessionOptions.AppendExecutionProvider_CUDA(cuda);
        return new InferenceSession(model, sessionOptions);
    }

    private static SessionOptions Options() => new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };

    private static void LogFallback(string reason)
    {
        if (Logged.TryAdd(reason, true))
        {
            Trace.TraceWarning($"Cifar3 scores on the CPU: CUDA cannot be used. {reason}");
        }
    }

    private void Free()
    {
        narrow.Dispose();
        if (wide != narrow)
        {
            wide.Dispose();
        }

        while (parallelRuns.TryTake(out var run))
        {
            run.Dispose();
        }
    }
}
