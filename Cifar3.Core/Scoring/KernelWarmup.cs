using System.Security.Cryptography;

namespace Cifar3;

/// <summary>
/// Compiles the managed kernels on another thread while a process reads its first model: both take about as long, and the first prediction needs both.
/// </summary>
/// <remarks>Computes a black image with a network of zeros, once a process. Where it fails, the first prediction finds the same out and says so.</remarks>
internal static class KernelWarmup
{
    private static int started;

    /// <summary>Starts it where it is worthwhile.</summary>
    /// <param name="onnx">The bytes of a file that is about to be read.</param>
    /// <param name="options">How it will be scored; null = all defaults.</param>
    public static void Start(ReadOnlySpan<byte> onnx, ClassifierOptions? options)
    {
        if (Volatile.Read(ref started) == 0 && IsWorthwhile(onnx, options) && Interlocked.Exchange(ref started, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static _ => TryRun(), null);
        }
    }

    /// <summary>Whether a file is likely to be scored with the kernels, and another processor is there.</summary>
    public static bool IsWorthwhile(ReadOnlySpan<byte> onnx, ClassifierOptions? options) =>
        Environment.ProcessorCount > 1 && options is null or { Threads: not 1, Backend: ScoringBackend.Auto or ScoringBackend.Managed } && onnx.IndexOf("cifar3-cnn "u8) >= 0;

    /// <summary>Computes the image; its probabilities.</summary>
    public static unsafe float[] Run(SimdLevel level)
    {
        var architecture = new CnnArchitecture(classes: 3);
        string[] names = ["a", "b", "c"];
        var weights = architecture.CreateLayers().SelectMany(layer => layer.Weights.Select(spec => new WeightTensor($"{layer.Name}/{spec.Name}", spec.Shape, new float[spec.Count])));
        using var arena = new Arena();
        var network = ForwardNetwork.Load(level, arena, CnnModel.FromWeights(architecture, weights, new ModelMetadata { ClassNames = [.. names] }));
        using var buffers = network.CreateBuffers();
        var row = new float[names.Length];
        fixed (byte* pixels = new byte[CnnArchitecture.ImageBytes])
        fixed (float* target = row)
        {
            for (int parts = 1; parts <= ForwardBuffers.Parts; parts++)
            {
                network.Begin(pixels, buffers);
                for (int stage = 0; stage < ForwardNetwork.Stages; stage++)
                {
                    for (int part = 0; part < parts; part++)
                    {
                        network.RunPart(stage, part, parts, buffers);
                    }
                }

                network.Finish(target, buffers, familiarity: false);
            }
        }

        return row;
    }

    private static void TryRun()
    {
        try
        {
            SHA256.HashData([]); // loads the system's library, which checks the weights
            Run(SimdLevels.Best);
        }
#pragma warning disable CA1031 // nothing here may end the process
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }
}
