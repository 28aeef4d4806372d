using System.Collections.Immutable;
using System.Reflection;

namespace Cifar3;

/// <summary>What a model file tells about itself beside its weights: class names, how it was trained, how good it is.</summary>
/// <remarks>Immutable; use <c>with</c> to change a value.</remarks>
public sealed record ModelMetadata
{
    /// <summary>Bounds of what a model may tell, far above what one does: names of 100 classes, the log of 100,000 epochs.</summary>
    internal const int MaxTextLength = 100_000, MaxNameLength = 1_000, MaxEpochs = 100_000;

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

    /// <summary>What spoke against the model when its training ended, in words, such as that it is no better than always naming one class; null where nothing did.</summary>
    public string? Warning { get; init; }

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

    /// <summary>Refuses what a file could not say or what would name no class: what is written can be read.</summary>
    /// <exception cref="Cifar3ModelException">A class has no name, too long a one or another's, or a value is outside its range.</exception>
    internal void Check()
    {
        if (ClassNames.IsDefault || History.IsDefault)
        {
            throw new Cifar3ModelException($"A model's {(ClassNames.IsDefault ? nameof(ClassNames) : nameof(History))} are no list (default(ImmutableArray)). Give one, [] for none.");
        }

        try
        {
            ClassList.CheckDistinct(ClassNames, "a model");
        }
        catch (Cifar3DataException e)
        {
            throw new Cifar3ModelException(e.Message, e);
        }

        Within(Epoch >= 0, nameof(Epoch), Epoch, "0 or above");
        Within(History.Length <= MaxEpochs, nameof(History), History.Length, FormattableString.Invariant($"at most {MaxEpochs:N0} epochs"));
        Within(!History.Contains(null!), nameof(History), "null", "epochs without null");
        Within(IsShare(ValAccuracy), nameof(ValAccuracy), ValAccuracy, "0 to 1");
        var beyond = History.FirstOrDefault(log => !IsShare(log.Accuracy) || !IsShare(log.ValAccuracy) || !IsShare(log.ValWeightedAccuracy));
        Within(beyond is null, nameof(History), FormattableString.Invariant($"{beyond?.Accuracy} and {beyond?.ValAccuracy}{(beyond?.ValWeightedAccuracy is { } weighted ? FormattableString.Invariant($" ({weighted})") : "")} in epoch {beyond?.Epoch}"), "accuracies of 0 to 1");
        Within(Temperature is not { } t || (double.IsFinite(t) && t > 0), nameof(Temperature), Temperature, "a finite number above 0");
        Within(FamiliarityThreshold is not { } f || double.IsFinite(f), nameof(FamiliarityThreshold), FamiliarityThreshold, "a finite number");
        foreach (var (name, text) in new[] { (nameof(Recipe), Recipe), (nameof(TrainedOn), TrainedOn), (nameof(Warning), Warning), (nameof(LibraryVersion), LibraryVersion ?? throw new Cifar3ModelException("A model's LibraryVersion must not be null.")) })
        {
            Within(text is null || text.Length <= MaxTextLength, name, text?.Length, FormattableString.Invariant($"at most {MaxTextLength:N0} characters"));
        }

        static bool IsShare(double? accuracy) => accuracy is not (< 0 or > 1); // NaN is that of no image, which files of engines of one's own may have

        static void Within(bool holds, string name, object? value, string expected)
        {
            if (!holds)
            {
                throw new Cifar3ModelException(FormattableString.Invariant($"A model's {name} is outside its range. Expected {expected}. Received: {value}."));
            }
        }
    }

    /// <summary>The running library's version, such as <c>0.1.0</c>.</summary>
    public static string CurrentVersion { get; } =
        typeof(ModelMetadata).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";
}
