using System.Collections.Immutable;
using System.Reflection;

namespace Cifar3;

/// <summary>What a model file tells about itself beside its weights: class names, how it was trained, how good it is.</summary>
/// <remarks>Immutable; use <c>with</c> to change a value.</remarks>
public sealed record ModelMetadata
{
    /// <summary>The classes' names; the index is the label. Always present.</summary>
    public required ImmutableArray<string> ClassNames { get; init; }

    /// <summary>Name and settings of the training recipe in words, such as <c>keras: Adam 0.001, batch 128, 10 epochs</c>; null before training.</summary>
    public string? Recipe { get; init; }

    /// <summary>What it was trained on, in words; null before training.</summary>
    public string? TrainedOn { get; init; }

    /// <summary>The seed of initial weights, shuffling and dropout.</summary>
    public int Seed { get; init; }

    /// <summary>Validation accuracy of these weights, 0 to 1; null where none was measured.</summary>
    public double? ValAccuracy { get; init; }

    /// <summary>
    /// By what the logits were divided so that probabilities tell how often the model is right, above 0; it is folded into the dense layer's weights
    /// already. Null = not calibrated. See <see cref="CnnModel.Calibrate"/>.
    /// </summary>
    public double? Temperature { get; init; }

    /// <summary>
    /// An image is of one of the classes' kind where <see cref="Prediction.Familiarity"/> is at least this: 95 % of the validation images are. Null = not
    /// measured. See <see cref="CnnModel.Calibrate"/>.
    /// </summary>
    public double? FamiliarityThreshold { get; init; }

    /// <summary>The epoch whose weights these are, from 1; 0 before training.</summary>
    public int Epoch { get; init; }

    /// <summary>The logs of the epochs up to and including <see cref="Epoch"/>.</summary>
    public ImmutableArray<EpochLog> History { get; init; } = [];

    /// <summary>Version of the library that made the model. Default: the running one.</summary>
    public string LibraryVersion { get; init; } = CurrentVersion;

    /// <summary>The running library's version, such as <c>0.1.0</c>.</summary>
    public static string CurrentVersion { get; } =
        typeof(ModelMetadata).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";
}
