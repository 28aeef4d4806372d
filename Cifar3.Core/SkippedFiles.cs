using System.Collections.Immutable;
using System.Globalization;

namespace Cifar3;

/// <summary>Why something in a folder of images is not among the images.</summary>
public enum SkipReason
{
    /// <summary>A picture that lies in no class folder: beside the classes, or beside <c>train</c> and <c>test</c>.</summary>
    LoosePicture,

    /// <summary>A file whose name does not end as a picture's (.jpg, .jpeg, .jpe, .jfif, .png, .gif, .webp, .bmp, .dib), or, where it has no ending, whose content is none.</summary>
    OtherFile,

    /// <summary>A hidden file or folder (its name begins with a dot, or has Windows' attribute), or one that systems leave behind: <c>Thumbs.db</c>, <c>desktop.ini</c>, <c>__MACOSX</c>, <c>@eaDir</c>, …; a folder counts as one.</summary>
    SystemFile,

    /// <summary>A folder beside <c>train</c> and <c>test</c> that is neither; counts as one.</summary>
    OtherFolder,

    /// <summary>A link to a folder whose pictures are read already, under another path.</summary>
    RepeatedFolder,

    /// <summary>A picture that cannot be decoded, where <see cref="DataOptions.OnBadImage"/> allows that.</summary>
    BadImage,

    /// <summary>A folder that a training left (<c>run.json</c> and its models) beside the class folders; counts as one.</summary>
    TrainingRun,

    /// <summary>A picture of a format that is not read, by its name's ending: .heic and .avif of phones, .tif, .svg, a camera's raw files, …</summary>
    OtherFormat,

    /// <summary>A folder below a class that cannot be listed, where <see cref="DataOptions.OnBadImage"/> allows that; counts as one, whatever is in it.</summary>
    UnreadableFolder,
}

/// <summary>Files and folders that were found among image folders and are not among the images, with the reason.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Count">How many.</param>
/// <param name="Examples">The first few paths, at most five.</param>
public sealed record SkippedFiles(SkipReason Reason, int Count, ImmutableArray<string> Examples)
{
    /// <summary>In words, such as <c>4 pictures in no class folder</c>.</summary>
    /// <returns>One line without the examples.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Count:N0} {Reason switch
    {
        SkipReason.LoosePicture => Count == 1 ? "picture in no class folder" : "pictures in no class folder",
        SkipReason.OtherFile => Count == 1 ? "file that is no picture" : "files that are no pictures",
        SkipReason.SystemFile => "hidden or left behind by the system",
        SkipReason.OtherFolder => Count == 1 ? "folder that is neither training nor test" : "folders that are neither training nor test",
        SkipReason.OtherFormat => $"{(Count == 1 ? "picture of a format that is" : "pictures of formats that are")} not read ({Endings()}; save them as JPEG or PNG)",
        SkipReason.TrainingRun => Count == 1 ? "folder that a training left" : "folders that trainings left",
        SkipReason.UnreadableFolder => Count == 1 ? "folder that cannot be read" : "folders that cannot be read",
        SkipReason.RepeatedFolder => Count == 1 ? "link to a folder that is read already" : "links to folders that are read already",
        _ => Count == 1 ? "picture that cannot be decoded" : "pictures that cannot be decoded",
    }}");

    private string Endings() => string.Join(", ", Examples.Select(path => Path.GetExtension(path).ToLowerInvariant()).Distinct());
}

/// <summary>Counts what is skipped; thread-safe.</summary>
internal sealed class SkipCounter
{
    private const int MaxExamples = 5;

    private readonly SortedDictionary<SkipReason, (int Count, List<string> Examples)> found = [];
    private readonly Lock gate = new();

    /// <summary>Counts one file or folder.</summary>
    public void Add(SkipReason reason, string path)
    {
        lock (gate)
        {
            var (count, examples) = found.GetValueOrDefault(reason, (0, []));
            if (examples.Count < MaxExamples)
            {
                examples.Add(path);
            }

            found[reason] = (count + 1, examples);
        }
    }

    /// <summary>What was counted, by reason.</summary>
    public ImmutableArray<SkippedFiles> ToReport()
    {
        lock (gate)
        {
            return [.. found.Select(f => new SkippedFiles(f.Key, f.Value.Count, [.. f.Value.Examples]))];
        }
    }

    /// <summary>The counts as the end of a sentence; empty where nothing was skipped.</summary>
    public string ToSentence() => ToReport() is { Length: > 0 } report ? $"; left out: {string.Join(", ", report)}" : "";
}
