using System.Globalization;

namespace Cifar3.Training;

/// <summary>
/// One cycle over the whole training: up from a low rate to the highest, then down to nearly nothing, both along half a cosine
/// (Smith and Topin 2018, <see href="https://arxiv.org/abs/1708.07120"/>; torch's <c>OneCycleLR</c>).
/// </summary>
/// <remarks>Metrics gain most in the last epochs: <see cref="EarlyStopping"/> does not stop such a training.</remarks>
/// <param name="maxLearningRate">The highest rate, above 0; null = the training's <see cref="TrainingSettings.LearningRate"/>. Default: null.</param>
/// <param name="warmUp">Share of the training on the way up, above 0 and below 1. Default: 0.2.</param>
/// <param name="startFactor">The highest rate over the first. Default: 25.</param>
/// <param name="endFactor">The highest rate over the last. Default: 1,000.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
public sealed class OneCycle(float? maxLearningRate = null, double warmUp = 0.2, double startFactor = 25, double endFactor = 1000) : LearningRateScheduler
{
    /// <summary>The highest rate; null = the training's.</summary>
    public float? MaxLearningRate { get; } = maxLearningRate is { } rate ? Schedules.Positive(rate, nameof(maxLearningRate)) : null;

    /// <summary>Share of the training on the way up.</summary>
    public double WarmUp { get; } = warmUp is > 0 and < 1 ? warmUp : throw new ArgumentOutOfRangeException(nameof(warmUp), string.Create(CultureInfo.InvariantCulture, $"The share must be above 0 and below 1. Received: warmUp={warmUp}."));

    /// <summary>The highest rate over the first.</summary>
    public double StartFactor { get; } = Schedules.Positive((float)startFactor, nameof(startFactor));

    /// <summary>The highest rate over the last.</summary>
    public double EndFactor { get; } = Schedules.Positive((float)endFactor, nameof(endFactor));

    internal override bool EndsLow => true;

    /// <inheritdoc/>
    public override float GetLearningRate(TrainState state)
    {
        double top = MaxLearningRate ?? state.LearningRate, done = state.ShareDone;
        return (float)(done < WarmUp
            ? Schedules.Cosine(top / StartFactor, top, done / WarmUp)
            : Schedules.Cosine(top, top / EndFactor, (done - WarmUp) / (1 - WarmUp)));
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"one cycle{(MaxLearningRate is { } rate ? $" to {rate}" : "")} ({WarmUp}, {StartFactor}, {EndFactor})");
}

/// <summary>
/// From the highest rate down to a share of it along half a cosine, after a straight way up: Keras' <c>CosineDecay</c> with
/// <c>warmup_steps</c> (Loshchilov and Hutter 2017, <see href="https://arxiv.org/abs/1608.03983"/>, without restarts).
/// </summary>
/// <remarks>Metrics gain most in the last epochs: <see cref="EarlyStopping"/> does not stop such a training.</remarks>
/// <param name="learningRate">The highest rate, above 0; null = the training's <see cref="TrainingSettings.LearningRate"/>. Default: null.</param>
/// <param name="warmUpEpochs">Epochs on the way up, 0 or more. Default: 0.</param>
/// <param name="alpha">Where the way down ends, after the last step, as a share of the highest rate, 0 to 1: Keras' <c>alpha</c>. Default: 0.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
public sealed class CosineDecay(float? learningRate = null, double warmUpEpochs = 0, double alpha = 0) : LearningRateScheduler
{
    /// <summary>The highest rate; null = the training's.</summary>
    public float? LearningRate { get; } = learningRate is { } rate ? Schedules.Positive(rate, nameof(learningRate)) : null;

    /// <summary>Epochs on the way up.</summary>
    public double WarmUpEpochs { get; } = Augmentation.InRange(warmUpEpochs, 0, TrainingSettings.MaxEpoch, nameof(warmUpEpochs));

    /// <summary>Where the way down ends, after the last step, as a share of the highest rate.</summary>
    public double Alpha { get; } = Augmentation.InRange(alpha, 0, 1, nameof(alpha));

    internal override bool EndsLow => true;

    /// <inheritdoc/>
    public override float GetLearningRate(TrainState state)
    {
        double top = LearningRate ?? state.LearningRate, warmUp = WarmUpEpochs * state.BatchesPerEpoch, steps = (double)state.Epochs * state.BatchesPerEpoch;
        double rate = state.Step < warmUp
            ? Math.Min(top * (state.Step + 1) / warmUp, top) // the way up may end within a step
            : Schedules.Cosine(top, top * Alpha, (state.Step - warmUp) / Math.Max(steps - warmUp, 1));
        return (float)Math.Max(rate, top * 1e-6); // a rate of exactly 0 would be refused
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"cosine decay{(LearningRate is { } rate ? $" from {rate}" : "")} (warm-up {WarmUpEpochs}, alpha {Alpha})");
}
