namespace Cifar3.Training;

/// <summary>What a training ends with.</summary>
/// <remarks>Immutable and safe to share between threads.</remarks>
public sealed class TrainingResult
{
    internal TrainingResult(CnnModel model, CnnModel bestModel, History history, string? stopReason, string engine)
    {
        Model = model;
        BestModel = bestModel;
        History = history;
        StopReason = stopReason;
        Engine = engine;
    }

    /// <summary>The model after the last epoch, or the one that a callback restored (see <see cref="EarlyStopping"/>).</summary>
    public CnnModel Model { get; }

    /// <summary>The model of the epoch with the highest validation accuracy, the earliest of equals; without validation images the same as <see cref="Model"/>.</summary>
    public CnnModel BestModel { get; }

    /// <summary>Loss and accuracy of every epoch.</summary>
    public History History { get; }

    /// <summary>Whether a callback ended the training before its last epoch.</summary>
    public bool StoppedEarly => StopReason is not null;

    /// <summary>Why the training ended before its last epoch, in words; null where it did not.</summary>
    public string? StopReason { get; }

    /// <summary>What computed, such as <c>Managed 0.1.0 (CPU, AVX-512, 2 threads)</c>.</summary>
    public string Engine { get; }
}
