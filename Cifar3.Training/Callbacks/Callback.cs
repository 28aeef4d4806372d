namespace Cifar3.Training;

/// <summary>
/// Something that is told of a training's moments and may look, write, or stop it: Keras' <c>Callback</c>. Override what you need.
/// </summary>
/// <remarks>
/// Callbacks are called one after the other in the order of <see cref="TrainingSettings.Callbacks"/>, on the thread that called Fit.
/// An exception in one ends the training. Reset what you keep in <see cref="OnTrainBegin"/>, so that one instance serves several trainings.
/// <see href="https://keras.io/api/callbacks/base_callback/"/>
/// </remarks>
public abstract class Callback
{
    /// <summary>Training begins, or goes on after an interruption (<see cref="TrainingContext.History"/> then holds the epochs done).</summary>
    /// <param name="context">The training.</param>
    public virtual void OnTrainBegin(TrainingContext context)
    {
    }

    /// <summary>Training has ended as planned or because a callback stopped it.</summary>
    /// <param name="context">The training.</param>
    public virtual void OnTrainEnd(TrainingContext context)
    {
    }

    /// <summary>Training ends with an exception (called instead of <see cref="OnTrainEnd"/>), such as <see cref="OperationCanceledException"/>.</summary>
    /// <param name="context">The training.</param>
    /// <param name="reason">The exception that Fit will throw.</param>
    public virtual void OnTrainInterrupted(TrainingContext context, Exception reason)
    {
    }

    /// <summary>An epoch begins.</summary>
    /// <param name="context">The training.</param>
    /// <param name="epoch">Number of the epoch, from 1.</param>
    public virtual void OnEpochBegin(TrainingContext context, int epoch)
    {
    }

    /// <summary>An epoch and its validation have ended.</summary>
    /// <param name="context">The training.</param>
    /// <param name="log">What the epoch measured.</param>
    public virtual void OnEpochEnd(TrainingContext context, EpochLog log)
    {
    }

    /// <summary>The validation after an epoch begins, its training steps done.</summary>
    /// <param name="context">The training.</param>
    public virtual void OnTestBegin(TrainingContext context)
    {
    }

    /// <summary>A training step begins.</summary>
    /// <param name="context">The training.</param>
    /// <param name="batch">Number of the batch within the epoch, from 1.</param>
    public virtual void OnTrainBatchBegin(TrainingContext context, int batch)
    {
    }

    /// <summary>A training step has ended.</summary>
    /// <param name="context">The training.</param>
    /// <param name="log">Running means of the epoch so far.</param>
    public virtual void OnTrainBatchEnd(TrainingContext context, BatchLog log)
    {
    }

    /// <summary>Stores what this callback needs to go on after an interruption. Called after <see cref="OnEpochEnd"/> when a checkpoint is written.</summary>
    /// <param name="state">Receives the values; leave it empty when there is nothing to keep.</param>
    public virtual void SaveState(CallbackState state)
    {
    }

    /// <summary>Takes back what <see cref="SaveState"/> stored. Called after <see cref="OnTrainBegin"/>.</summary>
    /// <param name="state">What was stored.</param>
    public virtual void RestoreState(CallbackState state)
    {
    }

    /// <summary>
    /// The callback and its settings in words. A resumed training must have the same stateful callbacks as the interrupted one: they are
    /// compared by this text.
    /// </summary>
    /// <returns>One line. Default: the name of the type.</returns>
    public override string ToString() => GetType().Name;
}

/// <summary>The running means of an epoch after one of its training steps, as Keras' progress bar shows them.</summary>
/// <param name="Batch">Number of the batch within the epoch, from 1.</param>
/// <param name="Loss">Mean cross-entropy over the epoch's images so far, in training mode (nats).</param>
/// <param name="Accuracy">Share of the epoch's images so far classified correctly, in training mode, 0 to 1.</param>
/// <param name="Images">Images of the epoch so far, this batch's included.</param>
public readonly record struct BatchLog(int Batch, double Loss, double Accuracy, int Images);
