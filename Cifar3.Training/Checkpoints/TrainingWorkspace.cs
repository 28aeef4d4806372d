using System.Globalization;

namespace Cifar3.Training;

/// <summary>
/// The folder of one training: locked while it runs, so that no second training replaces its checkpoint in silence. A killed process' lock is none.
/// </summary>
internal sealed class TrainingWorkspace : IDisposable
{
    /// <summary>The lock's file, which is there while a training runs.</summary>
    public const string LockName = "training.lock";

    private readonly string checkpointPath;
    private readonly IReadOnlyList<(string Name, string Value)> identity;
    private FileLock taken;

    private TrainingWorkspace(FileLock taken, string checkpointPath, IReadOnlyList<(string Name, string Value)> identity) =>
        (this.taken, this.checkpointPath, this.identity) = (taken, checkpointPath, identity);

    /// <summary>The training to go on with; null where there is none, or none was asked for.</summary>
    public TrainingCheckpoint? Interrupted { get; private init; }

    /// <summary>Locks the folder and reads what is to be gone on with.</summary>
    /// <param name="options">Where the folder is, and whether to go on.</param>
    /// <param name="plan">What is settled.</param>
    /// <param name="model">The network, with its initial weights.</param>
    /// <param name="train">Training images.</param>
    /// <param name="validation">Validation images, if any.</param>
    /// <returns>The workspace; null where the options name none.</returns>
    /// <exception cref="Cifar3Exception">The folder cannot be written to, or another training uses it: names process and machine.</exception>
    /// <exception cref="Cifar3ModelException">The checkpoint is damaged or belongs to another training.</exception>
    public static TrainingWorkspace? Open(TrainerOptions options, TrainingPlan plan, CnnModel model, ImageSet train, ImageSet? validation)
    {
        if (options.WorkspacePath is not { } given)
        {
            return null;
        }

        string folder = Path.GetFullPath(given); // whichever folder is the current one later
        OutputFolder.Prepare(folder);
        var taken = Lock(folder, isLost: false);
        try
        {
            string path = Path.Combine(folder, TrainingCheckpoint.FileName);
            var identity = TrainingIdentity.Describe(options, plan, model, train, validation);
            return new TrainingWorkspace(taken, path, identity) { Interrupted = options.Resume ? TrainingCheckpoint.Load(path, identity, plan, model) : null };
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Locks the folder anew where it was moved or removed meanwhile. Files are written by its name, which may be that of another training's folder now: this one ends then, and its own
    /// checkpoint is where the folder was moved to.
    /// </summary>
    /// <exception cref="Cifar3Exception">Another training uses the folder of this name, or it cannot be written to.</exception>
    public void KeepLocked()
    {
        if (!taken.IsInPlace)
        {
            string folder = Path.GetDirectoryName(checkpointPath)!;
            OutputFolder.Prepare(folder);
            taken.Dispose();
            taken = Lock(folder, isLost: true);
        }
    }

    /// <summary>Writes the state after an epoch.</summary>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public void Save(TrainingContext context, ITrainingEngine engine, CnnModel? best, AveragedWeights? averaged) =>
        TrainingCheckpoint.Save(checkpointPath, [.. identity, TrainingIdentity.Length(context.Plan)], context, engine.ExportState(), best, averaged, Arithmetic.Continued(Interrupted, engine));

    /// <summary>Lets another training use the folder.</summary>
    public void Dispose() => taken.Dispose();

    private static FileLock Lock(string folder, bool isLost)
    {
        string path = Path.Combine(folder, LockName);
        try
        {
            string holder = string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} on {Environment.MachineName}, since {DateTime.UtcNow:yyyy-MM-dd HH:mm:ss} UTC");
            if (FileLock.TryTake(path, holder) is { } taken)
            {
                return taken;
            }

            string other = Shown.Text(FileLock.Holder(path) ?? "by a process that cannot be named");
            throw new Cifar3Exception(isLost
                ? $"Cannot go on in '{Shown.Path(folder)}': the folder was moved or removed meanwhile, and another training uses the one of this name now ({other}), whose files would be replaced. Go on, with Resume, in the folder that was moved, or use another WorkspacePath."
                : $"Cannot train in '{Shown.Path(folder)}': another training uses it ({other}), and its checkpoint would be replaced. Wait for its end, stop it, or use another WorkspacePath.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new Cifar3Exception($"Cannot write '{Shown.Path(path)}': {Shown.Path(e.Message.TrimEnd('.'))}. {IoFault.WriteRemedy(e)}.", e);
        }
    }
}
