using System.Globalization;

namespace Cifar3.Training;

/// <summary>What a training ends with.</summary>
/// <remarks>Immutable and safe to share between threads.</remarks>
public sealed class TrainingResult
{
    internal TrainingResult(CnnModel model, CnnModel bestModel, History history, string? stopReason, string engine, string? warning = null)
    {
        Model = model;
        BestModel = bestModel;
        History = history;
        StopReason = stopReason;
        Engine = engine;
        Warning = warning;
    }

    /// <summary>The model after the last epoch, or the one that a callback restored (see <see cref="EarlyStopping"/>).</summary>
    public CnnModel Model { get; }

    /// <summary>
    /// The model of the epoch with the highest validation accuracy (with class weights <see cref="EpochLog.ValWeightedAccuracy"/>), of equals that with the lowest validation loss; under a schedule that ends low, as the default recipe's
    /// (<see cref="OneCycle"/>, <see cref="CosineDecay"/>), that of the latest epoch within a standard error of the highest. Without validation images the same as <see cref="Model"/>.
    /// </summary>
    public CnnModel BestModel { get; }

    /// <summary>Loss and accuracy of every epoch.</summary>
    public History History { get; }

    /// <summary>Whether a callback ended the training before its last epoch.</summary>
    public bool StoppedEarly => StopReason is not null;

    /// <summary>Why the training ended before its last epoch, in words; null where it did not.</summary>
    public string? StopReason { get; }

    /// <summary>Why the model should not be trusted, with the likely cause and what to do: it is no better than chance, or the images cannot tell how good it is (classes without images, or the same images in two of them or in training and validation). Null where nothing speaks against it.</summary>
    public string? Warning { get; }

    /// <summary>
    /// Why the bits may not be those of a training that was never interrupted, in words: it went on with another instruction set, device, engine or version. Null where
    /// nothing changed, or nothing was interrupted.
    /// </summary>
    public string? ResumeNote { get; internal init; }

    /// <summary>Where the recipe was fitted to the images, and why, in words: <see cref="RandomFlip"/> is left out where classes are each other's mirror images, <see cref="ColorJitter"/> where light alone tells them apart. Or that <see cref="EarlyStopping"/> has nothing to stop under it. Null where it was taken as it is.</summary>
    public string? RecipeNote { get; internal init; }

    /// <summary>Which files of callbacks could not be written (<see cref="CsvLogger"/>, <see cref="ModelCheckpoint"/>), and why, in words. Null where none is missing.</summary>
    public string? FilesNote { get; internal init; }

    /// <summary>The recipe and every value that was settled, in words, such as <c>keras: Adam 0.001, batch 128, 10 epochs, dropout 0.5/0.5/0.5</c>.</summary>
    public string Recipe => Model.Metadata.Recipe ?? "not known";

    /// <summary>What computed, such as <c>Managed 0.1.0 (CPU, AVX-512, 2 threads)</c>.</summary>
    public string Engine { get; }

    /// <summary>The same with a further warning, if there is one.</summary>
    internal TrainingResult Warned(string? warning) => new(Model, BestModel, History, StopReason, Engine, TrainingWarning.Joined(Warning, warning)) { ResumeNote = ResumeNote, RecipeNote = RecipeNote, FilesNote = FilesNote };

    /// <summary>What happened, in a line: epochs, the best one, why it stopped, and the warning if there is one.</summary>
    /// <returns>Such as <c>10 epochs, the best is 9: val_accuracy 0.8993, val_loss 0.2601</c>.</returns>
    public override string ToString()
    {
        int epoch = BestModel.Metadata.Epoch;
        var log = History.Epochs.ElementAtOrDefault(epoch - 1);
        string best = log is { ValAccuracy: { } accuracy, ValLoss: { } loss } ? string.Create(CultureInfo.InvariantCulture, $", the best is {epoch}: val_accuracy {accuracy:F4}, val_loss {loss:F4}")
            : (log ?? History.Epochs.LastOrDefault()) is { } told ? string.Create(CultureInfo.InvariantCulture, $"{(told.Epoch == History.Epochs.Length ? "" : $", the model is of {epoch}")}: accuracy {told.Accuracy:F4}, loss {told.Loss:F4}")
            : "";
        string[] sentences =
        [
            $"{History.Epochs.Length} {(History.Epochs.Length == 1 ? "epoch" : "epochs")}{best}{(StopReason is null ? "" : $"; stopped early: {StopReason}")}",
            .. new[] { RecipeNote, ResumeNote, FilesNote }.OfType<string>().Select(note => $"Note: {note}"),
            .. Warning is null ? Array.Empty<string>() : [$"Warning: {Warning}"],
        ];
        return Shown.Text(string.Join(". ", [.. sentences[..^1].Select(sentence => sentence.TrimEnd('.')), sentences[^1]]), int.MaxValue); // of callbacks, or of a run.json
    }
}
