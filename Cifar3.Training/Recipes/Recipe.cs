using System.Collections.Immutable;
using System.Globalization;

namespace Cifar3.Training;

/// <summary>A named set of training settings: how long, how fast, how much dropout. <see cref="TrainerOptions"/> takes every value that it is not given from its recipe.</summary>
/// <remarks>Immutable and safe to share between threads; use <c>with</c> for a recipe of your own.</remarks>
public sealed record Recipe
{
    /// <summary>The published recipe of the Keras notebook: Adam 0.001, batch 128, 10 epochs, dropout 0.5, new order every epoch.</summary>
    public static Recipe Seed { get; } = new() { Name = "seed" };

    /// <summary>What the recipe is called; written into the model's metadata.</summary>
    public required string Name { get; init; }

    /// <summary>Number of passes over the training images. Default: 10.</summary>
    public int Epoch { get; init; } = 10;

    /// <summary>Images in a training step. Default: 128.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>Adam's learning rate. Default: 0.001.</summary>
    public float LearningRate { get; init; } = 1e-3f;

    /// <summary>Share of activations dropped after each of the three blocks. Default: 0.5 each.</summary>
    public ImmutableArray<double> DropoutRates { get; init; } = [0.5, 0.5, 0.5];

    /// <summary>The recipe in words, such as <c>seed: Adam 0.001, batch 128, 10 epochs, dropout 0.5/0.5/0.5</c>.</summary>
    /// <returns>One line.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name}: Adam {LearningRate}, batch {BatchSize}, {Epoch} epochs, dropout {string.Join("/", DropoutRates.Select(r => r.ToString(CultureInfo.InvariantCulture)))}");
}
