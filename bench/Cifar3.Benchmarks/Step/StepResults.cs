namespace Cifar3.Benchmarks;

/// <summary>What <c>step</c> measured; null where a peer was missing or a part was left out.</summary>
internal sealed record StepResults
{
    /// <summary>Floating point operations of the direct convolutions, forward and backward, an image.</summary>
    private const double FlopAnImage = 145e6;

    /// <summary>What the targets depend on.</summary>
    public ProcessorKind Machine { get; init; } = ProcessorKind.Current;

    /// <summary>Fused multiply-adds of all threads together, in operations a second.</summary>
    public required double PeakFlops { get; init; }

    /// <summary>Training with two threads, images a second.</summary>
    public required double Training { get; init; }

    /// <summary>Training with one thread.</summary>
    public required double OneThread { get; init; }

    /// <summary>Training with AVX-512 switched off.</summary>
    public required double Avx2 { get; init; }

    /// <summary>Training of PyTorch in float32, channels last.</summary>
    public double? ChannelsLast { get; init; }

    /// <summary>Training of the fastest float32 peer.</summary>
    public double? BestFp32 { get; init; }

    /// <summary>Training of the fastest bfloat16 peer.</summary>
    public double? BestBf16 { get; init; }

    /// <summary>Evaluation, images a second.</summary>
    public required double Evaluation { get; init; }

    /// <summary>Evaluation of ONNX Runtime.</summary>
    public double? OnnxRuntime { get; init; }

    /// <summary>Seconds of the whole recipe.</summary>
    public double? Recipe { get; init; }

    /// <summary>Seconds of the whole recipe of PyTorch, channels last.</summary>
    public double? RecipeChannelsLast { get; init; }

    /// <summary>The most memory held while training all images, in bytes.</summary>
    public required double PeakMemory { get; init; }

    /// <summary>Managed bytes that a step allocates.</summary>
    public required double AllocatedBytes { get; init; }

    private bool IsWide => Machine.Vectors == ProcessorKind.Avx512;

    /// <summary>Images a second of direct convolutions at the processor's peak.</summary>
    public double DirectRoofline => PeakFlops / FlopAnImage;

    /// <summary>The figures that the engine is to reach; those that depend on the processor say for which they are.</summary>
    public IReadOnlyList<Target> Targets =>
    [
        Target.AtLeast(3.5, "training step, 2 threads, ÷ fastest fp32 peer", Training / BestFp32),
        .. Machine.HasBfloat16 ? [Target.AtLeast(2.3, "training step, 2 threads, ÷ fastest bf16 peer (processor with bfloat16)", Training / BestBf16)] : Array.Empty<Target>(),
        Target.AtLeast(IsWide ? 1.9 : 1.75, $"training step, 2 threads, ÷ direct fp32 roofline (peak FMA ÷ 145 MFLOP), {Machine.Vectors}", Training / DirectRoofline),
        Target.AtLeast(IsWide ? 1.7 : 1.75, $"training step, 2 threads ÷ 1 thread, {Machine.Vectors}", Training / OneThread),
        Target.AtMost(60, "whole notebook's recipe, seconds where PyTorch channels_last takes 180 s", 180 * Recipe / RecipeChannelsLast),
        Target.AtLeast(2.3, "evaluation of 3,000 images, 2 threads, ÷ ONNX Runtime fp32", Evaluation / OnnxRuntime),
        .. IsWide ? [Target.AtLeast(.95, "training step, 2 threads, AVX-512 switched off ÷ on", Avx2 / Training)] : Array.Empty<Target>(),
        Target.AtLeast(1.5, "training step, AVX2 path, ÷ PyTorch fp32 channels_last", Avx2 / ChannelsLast),
        Target.AtMost(600, "peak working set while training 15,000 images, MB", PeakMemory / 1e6),
        Target.AtMost(0, "managed allocations of a step in steady state, bytes", AllocatedBytes),
    ];
}
