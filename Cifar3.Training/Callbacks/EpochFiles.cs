using System.Globalization;

namespace Cifar3.Training;

/// <summary>
/// The files that callbacks write after epochs. One that cannot be written, on a full disk or while a spreadsheet holds it open, ends no training: it is tried again
/// after the next epoch and at the end, and told.
/// </summary>
internal sealed class EpochFiles
{
    private readonly Dictionary<Callback, Waiting> waiting = [];
    private string? firstLost;
    private int lost;

    /// <summary>What is not written, and why; null where everything is.</summary>
    public string? Note
    {
        get
        {
            var faults = waiting.Values.Select(file => file.Fault);
            if (firstLost is not null)
            {
                faults = faults.Prepend(lost == 1 ? firstLost : string.Create(CultureInfo.InvariantCulture, $"{firstLost} {lost} files of epochs are missing in all."));
            }

            return faults.Any() ? string.Join(' ', faults) : null;
        }
    }

    /// <summary>Writes a callback's file, now or later.</summary>
    /// <param name="writer">Whose file it is; a callback has one that waits.</param>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes it, also after later epochs: it keeps what it needs.</param>
    /// <param name="replaces">Whether a file of an earlier epoch that still waits is needed no longer.</param>
    public void Write(Callback writer, string path, Action write, bool replaces)
    {
        if (waiting.Remove(writer, out var former) && !replaces && former.Path != path)
        {
            firstLost ??= former.Fault;
            lost++;
        }

        Try(writer, path, write);
    }

    /// <summary>Tries once more what could not be written.</summary>
    public void Retry()
    {
        foreach (var (writer, file) in waiting.ToArray())
        {
            Try(writer, file.Path, file.Write);
        }
    }

    private void Try(Callback writer, string path, Action write)
    {
        try
        {
            write();
            waiting.Remove(writer);
        }
        catch (Cifar3Exception e) when (e.InnerException is { } inner && IoFault.Find(inner) is not null)
        {
            waiting[writer] = new Waiting(path, write, e.Message);
        }
    }

    private sealed record Waiting(string Path, Action Write, string Fault);
}
