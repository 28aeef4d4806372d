namespace Cifar3.Training;

/// <summary>The callbacks' state in a checkpoint. A callback is recognised by its settings in words (its ToString).</summary>
internal static class CheckpointCallbacks
{
    /// <summary>What the callbacks store.</summary>
    /// <exception cref="Cifar3Exception">One stores a model that could not be read again.</exception>
    public static IEnumerable<CallbackData> Write(TrainingContext context)
    {
        (string Description, CallbackState State)[] all = [.. context.Options.Callbacks.Select(callback => (callback.ToString(), StateOf(callback)))];
        foreach (var (description, state) in all)
        {
            if (all.All(other => other.Description != description || other.State.IsEmpty))
            {
                continue; // of several alike each is told by its place among them, one that keeps nothing too
            }

            var data = new CallbackData { Description = description };
            foreach (var (name, number) in state.Numbers)
            {
                data.Numbers[name] = number;
            }

            foreach (var (name, model) in state.Models)
            {
                data.Models[name] = Readable(CheckpointTensors.Write(model), context, description, name);
            }

            yield return data;
        }
    }

    /// <summary>Gives every stored state to the callback it came from.</summary>
    /// <exception cref="CallbackMismatchException">A callback is missing, or one is new whose state should have been there.</exception>
    /// <exception cref="InvalidDataException">A stored model is damaged.</exception>
    public static void Restore(IEnumerable<CallbackData> stored, TrainingContext context, Func<ModelData, (int Epoch, IReadOnlyList<WeightTensor> Weights)> read)
    {
        var waiting = context.Options.Callbacks.ToList();
        foreach (var data in stored)
        {
            var callback = waiting.Find(c => c.ToString() == data.Description)
                ?? throw new CallbackMismatchException($"callbacks: expected {Shown.Text(data.Description)}, found {Names(context.Options.Callbacks)}");
            waiting.Remove(callback);
            var state = new CallbackState();
            foreach (var (name, number) in data.Numbers)
            {
                state.Set(name, number);
            }

            foreach (var (name, model) in data.Models)
            {
                var (epoch, weights) = read(model);
                state.Set(name, context.ModelAfter(epoch, weights));
            }

            callback.RestoreState(state);
        }

        if (waiting.Find(callback => !StateOf(callback).IsEmpty) is { } added)
        {
            throw new CallbackMismatchException($"callbacks: found {Shown.Text(added.ToString())}, which was not part of it");
        }
    }

    /// <summary>A model as it is written, of which reading would say nothing else: found out now, not when the training is to go on.</summary>
    private static ModelData Readable(ModelData written, TrainingContext context, string callback, string name)
    {
        try
        {
            CheckpointTensors.Read(written, context.Model, context.History.Epochs.Length);
            return written;
        }
        catch (InvalidDataException e)
        {
            throw new Cifar3Exception($"Cannot write a training checkpoint: the callback '{Shown.Text(callback)}' stores a model '{Shown.Text(name)}' that is not this training's ({e.Message}). Store models that TrainingContext.Model gave; keep others in the callback's own fields or files.", e);
        }
    }

    private static CallbackState StateOf(Callback callback)
    {
        var state = new CallbackState();
        callback.SaveState(state);
        return state;
    }

    private static string Names(IReadOnlyList<Callback> callbacks) => callbacks.Count == 0 ? "none" : string.Join(", ", callbacks.Take(Shown.MaxItems).Select(callback => Shown.Text(callback.ToString())));
}

/// <summary>The interrupted training had other callbacks; the message says which.</summary>
internal sealed class CallbackMismatchException(string message) : Exception(message);
