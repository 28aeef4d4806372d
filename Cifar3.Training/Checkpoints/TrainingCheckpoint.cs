using System.Collections.Immutable;
using System.Globalization;

namespace Cifar3.Training;

/// <summary>
/// Everything that a training needs to go on after an epoch: weights, Adam's moments, step, history, best model, callbacks' state. Random numbers
/// need no state: they are functions of seed, epoch and step.
/// </summary>
internal sealed class TrainingCheckpoint
{
    public const string FileName = "training.checkpoint";

    /// <summary>Room for the history and for callbacks' models beside the weights, two moments, the best model and the averaged weights.</summary>
    public const int SpareBytes = 64 << 20, MaxModels = 33;

    private const int MaxEngines = 100;

    private readonly string path;
    private readonly CheckpointData data;

    private TrainingCheckpoint(string path, CheckpointData data)
    {
        this.path = path;
        this.data = data;
    }

    public float LearningRate => data.LearningRate;

    public string? StopReason => data.HasStopReason ? Shown.Text(data.StopReason) : null;

    public ImmutableArray<EpochLog> History { get; private init; }

    public EngineState State { get; private init; } = null!;

    /// <summary>Epoch and weights of the best model so far; null without validation.</summary>
    public (int Epoch, IReadOnlyList<WeightTensor> Weights)? Best { get; private init; }

    /// <summary>The averaged weights and the number of steps in them; null where weights are not averaged.</summary>
    public (long Steps, IReadOnlyList<WeightTensor> Weights)? Averaged { get; private init; }

    /// <summary>What made the bits so far, the last one last: engines with their instruction sets.</summary>
    public IReadOnlyList<string> ComputedBy => data.ComputedBy;

    /// <summary>Writes the state after an epoch.</summary>
    /// <exception cref="Cifar3Exception">The file cannot be written, or could not be read again: callbacks store what it has no room for.</exception>
    public static void Save(string path, IReadOnlyList<(string Name, string Value)> identity, TrainingContext context, EngineState state, CnnModel? best, AveragedWeights? averaged, IEnumerable<string> computedBy)
    {
        var data = new CheckpointData
        {
            LibraryVersion = ModelMetadata.CurrentVersion,
            LearningRate = context.LearningRate,
            Step = state.Step,
            Best = best is null ? null : CheckpointTensors.Write(best),
        };
        if (averaged is not null)
        {
            data.Averaged = new AveragedData { Steps = averaged.Steps };
            data.Averaged.Weights.AddRange(averaged.ToTensors().Select(CheckpointTensors.Write));
        }

        if (context.StopReason is not null)
        {
            data.StopReason = context.StopReason;
        }

        data.Settings.AddRange(identity.Select(setting => new SettingData { Name = setting.Name, Value = setting.Value }));
        data.History.AddRange(context.History.Epochs.Select(CheckpointHistory.Write));
        data.Weights.AddRange(state.Weights.Select(CheckpointTensors.Write));
        data.AdamM.AddRange(state.AdamM.Select(CheckpointTensors.Write));
        data.AdamV.AddRange(state.AdamV.Select(CheckpointTensors.Write));
        data.Callbacks.AddRange(CheckpointCallbacks.Write(context));
        data.ComputedBy.AddRange(computedBy);
        CheckSize(path, data, MaxBytes(state.Weights));
        CheckpointFile.Write(path, data);
    }

    /// <summary>Reads and checks a checkpoint; null where there is none yet.</summary>
    /// <param name="path">The file.</param>
    /// <param name="identity">What the checkpoint's training must have in common with this one.</param>
    /// <param name="plan">What this training will do.</param>
    /// <param name="model">The network.</param>
    /// <exception cref="Cifar3ModelException">The file is damaged or belongs to another training: the message names the difference.</exception>
    public static TrainingCheckpoint? Load(string path, IReadOnlyList<(string Name, string Value)> identity, TrainingPlan plan, CnnModel model)
    {
        if (CheckpointFile.Read(path, MaxBytes(model.Weights)) is not { } data)
        {
            return null;
        }

        CheckSameTraining(path, identity, data);
        try
        {
            if (data.ComputedBy.Count > MaxEngines)
            {
                throw new InvalidDataException($"expected at most {MaxEngines} engines, found {data.ComputedBy.Count:N0}");
            }

            var history = CheckpointHistory.Read(data.History);
            if (history.Length > plan.Epochs)
            {
                throw OtherTraining(path, string.Create(CultureInfo.InvariantCulture, $"{TrainingIdentity.Length(plan).Name}: expected at least {history.Length}, found {plan.Epochs}"));
            }

            if (int.TryParse(data.Settings.FirstOrDefault(setting => setting.Name == TrainingIdentity.Length(plan).Name)?.Value, CultureInfo.InvariantCulture, out int epochs) && TrainingIdentity.OtherRates(plan, epochs, history.Length) is { } difference)
            {
                throw OtherTraining(path, difference);
            }

            var trainable = EngineState.Initial(model).AdamM;
            var state = new EngineState(
                CheckpointTensors.Read(data.Weights, model.Weights),
                CheckpointTensors.Read(data.AdamM, trainable),
                CheckpointTensors.Read(data.AdamV, trainable, areSquares: true),
                data.Step);
            if (data.Step is < 0 or > EngineState.MaxStep || data.Averaged?.Steps is < 0 or > EngineState.MaxStep || !(data.LearningRate > 0 && float.IsFinite(data.LearningRate)))
            {
                throw new InvalidDataException($"step {data.Step}, learning rate {data.LearningRate} or the {data.Averaged?.Steps ?? 0} steps averaged are out of range");
            }

            return new TrainingCheckpoint(path, data)
            {
                History = history,
                State = state,
                Best = data.Best is null ? null : CheckpointTensors.Read(data.Best, model, history.Length, first: 1),
                Averaged = data.Averaged is null ? null : (data.Averaged.Steps, CheckpointTensors.Read(data.Averaged.Weights, model.Weights)),
            };
        }
        catch (InvalidDataException e)
        {
            throw CheckpointFile.Damaged(path, e.Message, e);
        }
        catch (OutOfMemoryException e)
        {
            throw CheckpointFile.NoMemory(path, e);
        }
    }

    /// <summary>Gives the callbacks of the training that goes on their state back.</summary>
    /// <exception cref="Cifar3ModelException">The interrupted training had other callbacks.</exception>
    public void RestoreCallbacks(TrainingContext context)
    {
        try
        {
            CheckpointCallbacks.Restore(data.Callbacks, context, model => CheckpointTensors.Read(model, context.Model, History.Length));
        }
        catch (InvalidDataException e)
        {
            throw CheckpointFile.Damaged(path, e.Message, e);
        }
        catch (CallbackMismatchException e)
        {
            throw OtherTraining(path, e.Message);
        }
    }

    /// <summary>The largest payload that a training of this network can have.</summary>
    private static long MaxBytes(IEnumerable<WeightTensor> weights) => MaxModels * 4L * weights.Sum(weight => weight.Count) + SpareBytes;

    /// <summary>A file that would not be read again is not written: the one before it stays.</summary>
    private static void CheckSize(string path, CheckpointData data, long maxBytes)
    {
        if (data.CalculateSize() is var bytes && bytes > maxBytes)
        {
            throw new Cifar3Exception(string.Create(
                CultureInfo.InvariantCulture,
                $"Cannot write training checkpoint '{Shown.Path(Path.GetFullPath(path))}': the callbacks store too much, {data.Callbacks.Sum(callback => callback.Models.Count):N0} models among it. Expected at most {maxBytes:N0} bytes for this network, found {bytes:N0}. Store fewer models in SaveState; more of them belong in files of their own."));
        }
    }

    private static void CheckSameTraining(string path, IReadOnlyList<(string Name, string Value)> identity, CheckpointData data)
    {
        var differences = identity
            .Select(setting => (setting.Name, setting.Value, Stored: data.Settings.FirstOrDefault(s => s.Name == setting.Name)?.Value ?? "nothing"))
            .Where(setting => setting.Value != setting.Stored)
            .Select(setting => $"{setting.Name}: expected {Shown.Text(setting.Stored)}, found {Shown.Text(setting.Value)}")
            .ToList();
        if (differences.Count > 0)
        {
            throw OtherTraining(path, string.Join("; ", differences));
        }
    }

    private static Cifar3ModelException OtherTraining(string path, string difference) =>
        new($"Cannot resume from '{Shown.Path(Path.GetFullPath(path))}': it belongs to another training ({difference}). Give the interrupted training's data and settings, use another WorkspacePath, or set Resume to false to train from the beginning.");
}
