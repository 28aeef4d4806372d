using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cifar3.Training;

/// <summary>The folder that a training leaves: the best and the last model and what is to be known for looking at it again.</summary>
/// <example><code>
/// RunFolder.Save("run", result, "pictures");
/// TrainingReport.Save("run/report.html", RunFolder.Open("run").Result, Cifar3Data.Load("pictures"));
/// </code></example>
public sealed class RunFolder
{
    /// <summary>The best model: <c>model.onnx</c>.</summary>
    public const string ModelFile = "model.onnx";

    /// <summary>The model after the last epoch, whose metadata hold the whole history: <c>last.onnx</c>.</summary>
    public const string LastModelFile = "last.onnx";

    /// <summary>The best model of the last training that was finished and had the folder before: <c>previous.onnx</c>.</summary>
    public const string PreviousModelFile = "previous.onnx";

    /// <summary>The best model of the last training that was interrupted and had the folder before: <c>interrupted.onnx</c>.</summary>
    public const string InterruptedModelFile = "interrupted.onnx";

    /// <summary>What the models do not tell: <c>run.json</c>.</summary>
    public const string RecordFile = RunMark.RecordFile;

    private const string Format = RunMark.Format + "1", Interrupted = "the training was interrupted", Unknown = "not known";
    internal const int MaxRecordBytes = 1 << 20;

    private readonly string? trainImages;

    private RunFolder(TrainingResult result, RunRecord? record) => (Result, DataPath, TestFraction, HasRecord, trainImages) = (result, record?.DataPath, record?.TestFraction, record is not null, record?.TrainImages);

    /// <summary>What the training ended with; of an interrupted one, what its best model tells.</summary>
    public TrainingResult Result { get; }

    /// <summary>Where the images were; null where that is not known.</summary>
    public string? DataPath { get; }

    /// <summary>The share of the images that became test images (<see cref="DataOptions.TestFraction"/>); null where that is not known or was not asked for.</summary>
    public double? TestFraction { get; }

    /// <summary>Whether the folder says where the images were, be it that they were found without a path.</summary>
    internal bool HasRecord { get; }

    /// <summary>
    /// Makes the folder that of a new training: writes the record, so that an interrupted training's images are known, keeps the best model of a former one as
    /// <see cref="PreviousModelFile"/>, or as <see cref="InterruptedModelFile"/> where that training did not end, and removes its last one. So nothing that lies in the folder is taken for
    /// the new training's, and however many trainings fail there, what a finished one gave is kept.
    /// </summary>
    /// <param name="folder">The folder; it is created when missing.</param>
    /// <param name="dataPath">As for <see cref="Save"/>. Default: null.</param>
    /// <param name="testFraction">As for <see cref="Save"/>. Default: null.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is not above 0 and below 1.</exception>
    /// <exception cref="Cifar3Exception">The record cannot be written, or a former model not moved.</exception>
    public static void Begin(string folder, string? dataPath = null, double? testFraction = null) => BeginOn(null, folder, dataPath, testFraction);

    /// <summary>The same with the training images, which <see cref="Remark"/> compares.</summary>
    internal static void BeginOn(ImageSet? train, string folder, string? dataPath, double? testFraction)
    {
        CheckMovable(folder);
        CheckFraction(testFraction);
        string kept = Path.Combine(folder, KeptAs(folder));
        Write(folder, new RunRecord(Format, FullPath(dataPath), testFraction, Unknown, Interrupted, TrainImages: Fingerprint(train)));
        string best = Path.Combine(folder, ModelFile);
        try
        {
            if (File.Exists(best))
            {
                AtomicFile.Replace(best, kept);
            }

            File.Delete(Path.Combine(folder, LastModelFile));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CannotMove(folder, Shown.Text(e.Message.TrimEnd('.')), e);
        }
    }

    /// <summary>Refuses a folder with a model that nobody may write, which <see cref="Begin"/> would rename, replace or remove.</summary>
    /// <exception cref="Cifar3Exception">Names it.</exception>
    internal static void CheckMovable(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string[] touched = File.Exists(Path.Combine(folder, ModelFile)) ? [ModelFile, KeptAs(folder), LastModelFile] : [LastModelFile];
        if (touched.FirstOrDefault(name => UnixFile.IsProtected(Path.Combine(folder, name))) is { } name)
        {
            throw CannotMove(folder, $"'{name}' is protected against writing", null);
        }
    }

    /// <summary>
    /// Makes the folder that of its interrupted training again, which goes on: whatever training was begun there meanwhile, or wherever the images were moved to, the record tells of the images
    /// that this one has.
    /// </summary>
    internal static void GoOn(ImageSet train, string folder, string? dataPath, double? testFraction)
    {
        RunRecord? record = null;
        try
        {
            record = ReadIfThere(folder);
        }
        catch (Cifar3ModelException)
        {
            // a damaged one has nothing to keep
        }

        var now = (record ?? new RunRecord(Format, null, null, Unknown, Interrupted)) with { DataPath = FullPath(dataPath), TestFraction = testFraction, TrainImages = Fingerprint(train) };
        if (now != record)
        {
            Write(folder, now);
        }
    }

    /// <summary>Writes both models and the record.</summary>
    /// <param name="folder">The folder; it is created when missing.</param>
    /// <param name="result">What the training ended with.</param>
    /// <param name="dataPath">Where the images were, as for <see cref="Cifar3Data.Load"/>; null = found without a path. Default: null.</param>
    /// <param name="testFraction">What <see cref="DataOptions.TestFraction"/> was. Default: null.</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is not above 0 and below 1.</exception>
    /// <exception cref="Cifar3Exception">A file cannot be written.</exception>
    public static void Save(string folder, TrainingResult result, string? dataPath = null, double? testFraction = null) => SaveOn(null, folder, result, dataPath, testFraction);

    /// <summary>The same with the training images, which <see cref="Remark"/> compares.</summary>
    internal static void SaveOn(ImageSet? train, string folder, TrainingResult result, string? dataPath, double? testFraction)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(result);
        CheckFraction(testFraction);
        result.BestModel.SaveOnnx(Path.Combine(folder, ModelFile));
        WithHistory(result.Model, result.History).SaveOnnx(Path.Combine(folder, LastModelFile)); // a callback may have restored an earlier epoch's, which tells of the epochs until then
        Write(folder, new RunRecord(Format, FullPath(dataPath), testFraction, result.Engine, result.StopReason, result.Warning, result.RecipeNote, result.ResumeNote, result.FilesNote, Fingerprint(train)));
    }

    /// <summary>Reads what <see cref="Save"/> wrote; of a training that was interrupted, its best model alone.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>The run.</returns>
    /// <exception cref="Cifar3ModelException">The folder holds no model, or a file is damaged: names it.</exception>
    public static RunFolder Open(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var best = CnnModel.LoadOnnx(Path.Combine(folder, ModelFile));
        string lastPath = Path.Combine(folder, LastModelFile);
        var record = ReadIfThere(folder);
        var last = record is not null && File.Exists(lastPath) ? CnnModel.LoadOnnx(lastPath) : null;
        if (record is null || last is null || best.Metadata.History.Length > last.Metadata.History.Length) // of a finished training that went on, for more epochs, and was then interrupted
        {
            return new RunFolder(new TrainingResult(best, best, new History(best.Metadata.History), Interrupted, Unknown), record);
        }

        var history = new History(last.Metadata.History);
        var result = new TrainingResult(WithHistory(last, new History([.. history.Epochs.Take(last.Metadata.Epoch)])), best, history, record.StopReason, record.Engine, record.Warning)
        {
            RecipeNote = record.RecipeNote,
            ResumeNote = record.ResumeNote,
            FilesNote = record.FilesNote,
        };
        return new RunFolder(result, record);
    }

    /// <summary>
    /// Why figures on images may be too good: which ones are set aside for testing depends on all that there are, so that where some came or went since the training, others are, that it had. Null where they
    /// are the training's, or that is not known.
    /// </summary>
    internal string? Remark(ImageSet train) => trainImages is null || Fingerprint(train) is var now && now == trainImages ? null
        : $"The training images are not those that the model was trained on (then {Shown.Text(trainImages)}, now {now}): it may have learnt some of the test images, and the figures may be too good.";

    /// <summary>The name under which <see cref="Begin"/> keeps the folder's best model. <see cref="Save"/> writes the last model, which <see cref="Begin"/> had removed.</summary>
    internal static string KeptAs(string folder) =>
        File.Exists(Path.Combine(folder, RecordFile)) && !File.Exists(Path.Combine(folder, LastModelFile)) ? InterruptedModelFile : PreviousModelFile;

    private static CnnModel WithHistory(CnnModel model, History history) => model.With(model.Metadata with { History = history.Epochs });

    private static void CheckFraction(double? testFraction)
    {
        if (testFraction is not (null or (> 0 and < 1)))
        {
            throw new ArgumentOutOfRangeException(nameof(testFraction), testFraction, FormattableString.Invariant($"The share of test images must be above 0 and below 1, or null where none was asked for. Received: testFraction={testFraction}."));
        }
    }

    private static Cifar3Exception CannotMove(string folder, string why, Exception? cause) =>
        new($"Cannot move the former training's models out of the way in '{Shown.Path(folder)}': {why}. Remove them, or choose another folder.", cause);

    private static string? Fingerprint(ImageSet? images) => images is null ? null : TrainingIdentity.Fingerprint(images);

    private static string? FullPath(string? dataPath) => dataPath is null ? null : Path.GetFullPath(dataPath);

    private static void Write(string folder, RunRecord record) =>
        AtomicFile.Write(Path.Combine(folder, RecordFile), JsonSerializer.SerializeToUtf8Bytes(record, RunJson.Default.RunRecord));

    private static RunRecord? ReadIfThere(string folder) => Path.Combine(folder, RecordFile) is var path && File.Exists(path) ? Read(path) : null;

    private static RunRecord Read(string path)
    {
        try
        {
            byte[] json = BoundedReader.ReadFile(path, MaxRecordBytes) ?? throw Damaged($"expected at most {MaxRecordBytes:N0} bytes, found more");
            var record = JsonSerializer.Deserialize(json, RunJson.Default.RunRecord);
            return record is { Format: Format, Engine: not null } ? record
                : record?.Format is { } other && other != Format && other.StartsWith(RunMark.Format, StringComparison.Ordinal) ? throw Damaged($"another version of Cifar3 wrote it, which can read it. Expected the format '{Format}', found '{Shown.Text(other)}'")
                : throw Damaged($"expected a record of the format '{Format}', found another");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw Damaged(e is JsonException ? "expected JSON, found something else" : Shown.Path(e.Message.TrimEnd('.')), e);
        }

        Cifar3ModelException Damaged(string problem, Exception? cause = null) =>
            new($"Cannot read the run's record '{Shown.Path(path)}': {problem}. Train again, or name the model file itself.", cause);
    }
}

/// <summary>The content of <c>run.json</c>.</summary>
internal sealed record RunRecord(
    string Format, string? DataPath, double? TestFraction, string Engine, string? StopReason, string? Warning = null, string? RecipeNote = null, string? ResumeNote = null, string? FilesNote = null, string? TrainImages = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(RunRecord))]
internal sealed partial class RunJson : JsonSerializerContext;
