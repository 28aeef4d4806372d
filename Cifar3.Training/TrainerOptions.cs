namespace Cifar3.Training;

/// <summary>Settings of <see cref="Cifar3Trainer"/>.</summary>
/// <remarks>Immutable; use <c>with</c> to change a value.</remarks>
/// <example><code>
/// var options = new TrainerOptions { Epoch = 20, Seed = 1, Callbacks = [new ProgressBar()] };
/// </code></example>
public sealed record TrainerOptions : TrainingSettings
{
    /// <summary>Takes over what another kind of settings shares with this.</summary>
    internal static TrainerOptions From(TrainingSettings settings) => new TrainerOptions(settings);

    /// <summary>Creates the default settings.</summary>
    public TrainerOptions()
    {
    }

    private TrainerOptions(TrainingSettings settings)
        : base(settings)
    {
    }

    /// <summary>The recipe with the values given here, for 15,000 images; a training's own line is in its model's metadata.</summary>
    /// <returns>One line, such as <c>keras: Adam 0.001, batch 128, 10 epochs, dropout 0.5/0.5/0.5</c>.</returns>
    public override string ToString() => TrainingPlan.Create(this, 15_000).ToString();
}
