namespace Cifar3.Training;

/// <summary>
/// What makes the bits of a training beside its settings: the engine with its version, of the managed one also the instruction set, of TensorFlow whether a GPU computes, of the GPU's device and driver. The checkpoint
/// keeps it, so that a training goes on with the instructions it began with where the processor has them, and says so where they differ.
/// </summary>
internal static class Arithmetic
{
    private const string Separator = " on ";

    /// <summary>Such as <c>Managed 0.1.0 on AVX2</c>, <c>GPU 0.1.0 on NVIDIA H100 80GB HBM3 (CUDA driver 12.4, sm_90)</c>, or <c>TensorFlow 2.16.1 on CPU</c>.</summary>
    public static string Of(ITrainingEngine engine) => engine switch
    {
        ManagedEngine managed => $"{engine.Name}{Separator}{SimdLevels.Name(managed.Simd)}",
        GpuEngine => $"{engine.Name}{Separator}{engine.Device}",
        TensorFlowEngine tensorFlow => $"{engine.Name}{Separator}{(tensorFlow.IsOnGpu ? "GPU" : "CPU")}", // not its Device: the memory that it tells of a GPU is what others leave
        _ => engine.Name,
    };

    /// <summary>The instruction set to go on with: that of the interrupted training, or the best one where this processor lacks it or another engine began.</summary>
    public static SimdLevel LevelFor(TrainingCheckpoint? interrupted) =>
        interrupted?.ComputedBy is [.., var last] && last.LastIndexOf(Separator, StringComparison.Ordinal) is >= 0 and var at && SimdLevels.Find(last[(at + Separator.Length)..]) is { } level ? level : SimdLevels.Best;

    /// <summary>What computed before and what does now, each change once.</summary>
    public static IReadOnlyList<string> Continued(TrainingCheckpoint? interrupted, ITrainingEngine engine)
    {
        var before = interrupted?.ComputedBy ?? [];
        string now = Of(engine);
        return before is [.., var last] && last == now ? before : [.. before.TakeLast(MaxKept), now];
    }

    /// <summary>Why the result may not have the bits of a training that was never interrupted; null where it will, or where that is not promised.</summary>
    public static string? Difference(TrainingCheckpoint? interrupted, ITrainingEngine engine) =>
        Continued(interrupted, engine) is { Count: > 1 } all
            ? $"The training was computed by {string.Join(", then ", all.SkipLast(1).Select(name => Shown.Text(name)))} and goes on with {all[^1]}: the result may differ in its last bits from that of a training computed in one way."
            : null;

    /// <summary>Of a training that is moved to and fro, the last changes.</summary>
    private const int MaxKept = 9;
}
