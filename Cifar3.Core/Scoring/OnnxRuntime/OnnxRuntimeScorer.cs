using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace Cifar3;

/// <summary>Scores through ONNX Runtime, on the CPU or an NVIDIA GPU.</summary>
/// <remarks>
/// On the CPU there are two sessions. One image alone runs in the wide one, over all threads, for latency. Batches, and single images that
/// come while other calls run, take the narrow one of one thread, many runs at a time. Measured on two cores: narrow
/// gives 4,290 images a second of the float32 network against 3,530, wide answers one image in 0.35 ms against 0.46.
/// </remarks>
internal sealed class OnnxRuntimeScorer : IScorer
{
    /// <summary>Images of one run: few enough to stay in a core's cache, or enough to fill a GPU.</summary>
    private const int CpuPiece = 32, CudaPiece = 1024;

    private readonly OnnxSession narrow, wide;
    private readonly ConcurrentQueue<ParallelRun> parallelRuns = [];
    private readonly UseCount uses;

    private OnnxRuntimeScorer(OnnxSession narrow, OnnxSession wide, int threads, ScoringBackend backend, string device, Type owner)
    {
        (this.narrow, this.wide, Threads) = (narrow, wide, threads);
        (Backend, Device) = (backend, device);
        uses = new UseCount(owner, Free);
    }

    public ScoringBackend Backend { get; }

    public string Device { get; }

    public int Threads { get; }

    public int PieceSize => narrow.Capacity;

    /// <summary>Sessions on the CPU.</summary>
    /// <exception cref="Cifar3Exception">The native library is missing.</exception>
    /// <exception cref="Cifar3ModelException">ONNX Runtime refuses the model.</exception>
    public static OnnxRuntimeScorer OnCpu(ScoringModel model, ClassifierOptions options, Type owner)
    {
        string version = OnnxRuntimeLibrary.Load().Version;
        byte[] onnx = model.ToOnnx();
        int threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount, capacity = model.Signature.ImagesPerRun(CpuPiece);
        int sharing = Math.Min(threads, Environment.ProcessorCount); // ONNX Runtime's threads look for work without a pause: more than there are processors keep each other from theirs
        OnnxSession? narrow = null;
        try
        {
            narrow = new OnnxSession(CpuSession(onnx, 1), model.Signature, capacity, onDevice: false);
            var wide = sharing == 1 ? narrow : new OnnxSession(CpuSession(onnx, sharing), model.Signature, capacity: 1, onDevice: false);
            return new OnnxRuntimeScorer(narrow, wide, threads, ScoringBackend.OnnxRuntime, $"ONNX Runtime {version}, CPU", owner);
        }
        catch (OnnxRuntimeException e)
        {
            narrow?.Dispose();
            throw OnnxFile.Unreadable(model.Name, $"ONNX Runtime {version} refuses it: {CudaLibrary.Shorten(e.Message)}", "Save the model again, or update the package of ONNX Runtime", e);
        }
    }

    /// <summary>A session on an NVIDIA GPU.</summary>
    /// <exception cref="Cifar3Exception">The native library is missing or built without CUDA, or the GPU cannot be used: says why and what to do.</exception>
    public static OnnxRuntimeScorer OnCuda(ScoringModel model, ClassifierOptions options, Type owner)
    {
        var (version, providers) = OnnxRuntimeLibrary.Load();
        return OnCuda(model, options, owner, version, providers);
    }

    /// <summary>The same with what the native library says of itself.</summary>
    internal static OnnxRuntimeScorer OnCuda(ScoringModel model, ClassifierOptions options, Type owner, string version, IReadOnlyList<string> providers)
    {
        if (!providers.Contains(CudaLibrary.Provider))
        {
            throw new Cifar3Exception(CudaLibrary.Find() is { } file
                ? $"Cannot use CUDA: '{file}' is there, but the ONNX Runtime {version} that was loaded is built without it: in a program that references both packages the CPU's native library wins. Remove the package {OnnxRuntimeLibrary.CpuPackage} (or Cifar3, which brings it) and keep {OnnxRuntimeLibrary.GpuPackage} (or Cifar3.Gpu)."
                : $"Cannot use CUDA: the program's ONNX Runtime {version} is built without it. Expected {CudaLibrary.Provider}, found {string.Join(", ", providers)}. Reference the package Cifar3.Gpu instead of Cifar3, or {OnnxRuntimeLibrary.GpuPackage} instead of {OnnxRuntimeLibrary.CpuPackage}; or choose ScoringBackend.Auto.");
        }

        try
        {
            using var pageLocked = new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA_PINNED, OrtAllocatorType.DeviceAllocator, options.DeviceId, OrtMemType.CpuOutput);
            var session = new OnnxSession(CudaSession(model.ToOnnx(), options), model.Signature, model.Signature.ImagesPerRun(CudaPiece), onDevice: true, pageLocked);
            return new OnnxRuntimeScorer(session, session, threads: 1, ScoringBackend.Cuda, $"ONNX Runtime {version}, CUDA device {options.DeviceId}", owner);
        }
        catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException)
        {
            throw new Cifar3Exception($"Cannot use CUDA device {options.DeviceId}: {CudaLibrary.Explain(e.Message, version)} Without that, ScoringBackend.Auto scores on the CPU.", e);
        }
    }

    public void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities)
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
                RunInTurn(pixels, probabilities, CancellationToken.None);
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

    public void ScorePiece(ReadOnlySpan<byte> pixels, Span<float> probabilities, CancellationToken cancellation)
    {
        uses.Enter();
        try
        {
            RunInTurn(pixels, probabilities, cancellation);
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

    private void RunInTurn(ReadOnlySpan<byte> pixels, Span<float> probabilities, CancellationToken cancellation)
    {
        int piece = narrow.Capacity;
        for (int count = pixels.Length / CnnArchitecture.ImageBytes, done = 0; done < count; done += piece)
        {
            int n = Math.Min(piece, count - done);
            narrow.Run(pixels.Slice(done * CnnArchitecture.ImageBytes, n * CnnArchitecture.ImageBytes), probabilities.Slice(done * narrow.Classes, n * narrow.Classes), cancellation);
        }
    }

    private Cifar3Exception Failure(OnnxRuntimeException e) => new(Backend == ScoringBackend.Cuda
        ? $"Cannot score on {Device}: {CudaLibrary.Explain(e.Message, OnnxRuntimeLibrary.Load().Version)} Or choose ScoringBackend.Managed or OnnxRuntime."
        : $"Cannot score on {Device}: {CudaLibrary.Shorten(e.Message)}. The model does not compute what its file says, or memory ran out; export it again, or score fewer images at once.", e);

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
            ["device_id"] = options.DeviceId.ToString(CultureInfo.InvariantCulture),
            ["use_tf32"] = options.AllowTf32 ? "1" : "0",
        };
        if (options.DeviceMemoryLimit is { } limit)
        {
            settings["gpu_mem_limit"] = limit.ToString(CultureInfo.InvariantCulture);
        }

        cuda.UpdateOptions(settings);
        sessionOptions.AppendExecutionProvider_CUDA(cuda);
        return new InferenceSession(model, sessionOptions);
    }

    private static SessionOptions Options() => new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };

    private void Free()
    {
        narrow.Dispose();
        if (wide != narrow)
        {
            wide.Dispose();
        }

        while (parallelRuns.TryDequeue(out var run))
        {
            run.Dispose();
        }
    }
}
