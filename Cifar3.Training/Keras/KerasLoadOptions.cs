namespace Cifar3.Training;

/// <summary>What <see cref="KerasFile.Load"/> takes from the caller because a file cannot tell it.</summary>
public sealed record KerasLoadOptions
{
    /// <summary>Dropout rates of the three blocks, each in [0, 1), for a file of weights alone. Default: null, those that this library stored, else 0.5 each.</summary>
    public IReadOnlyList<double>? DropoutRates { get; init; }

    /// <summary>Momentum of the three BatchNormalization layers, each in [0, 1], for a file of weights alone. Default: null, those that this library stored, else 0.99 each.</summary>
    public IReadOnlyList<double>? BatchNormalizationMomentum { get; init; }

    /// <summary>Epsilon of the three BatchNormalization layers, each above 0, for a file of weights alone. Default: null, those that this library stored, else 0.001 each.</summary>
    public IReadOnlyList<double>? BatchNormalizationEpsilon { get; init; }

    /// <summary>
    /// Whether the optimizer's state in Keras' files of weights alone is taken as Adam's (β 0.9 and 0.999, ε 1e-7): such a file does not say
    /// whose it is, and Adadelta's or AdamW's looks the same. Default: false, it is left out with a note.
    /// </summary>
    public bool TakeOptimizerState { get; init; }
}
