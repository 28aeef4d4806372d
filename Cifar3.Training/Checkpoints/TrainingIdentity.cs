using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Cifar3.Training;

/// <summary>
/// Everything that decides a training beside its length: a checkpoint may only go on where all of it is the same. The engine is not part of it:
/// a training may start on one and go on on another, at the price of the same bits.
/// </summary>
internal static class TrainingIdentity
{
    /// <summary>Names and values in words, in the order in which differences are reported.</summary>
    public static IReadOnlyList<(string Name, string Value)> Describe(TrainerOptions options, TrainingPlan plan, CnnModel initial, ImageSet train, ImageSet? validation) =>
    [
        ("class names", string.Join(", ", train.ClassNames)),
        ("Filters", string.Join("/", initial.Architecture.Filters)),
        ("DropoutRates", Joined(initial.Architecture.DropoutRates)),
        ("BatchNormalization momentum", Joined(initial.Architecture.BatchNormalizationMomentum)),
        ("BatchNormalization epsilon", Joined(initial.Architecture.BatchNormalizationEpsilon)),
        ("Recipe", plan.Recipe),
        ("Seed", options.SeedOrZero.ToString(CultureInfo.InvariantCulture)),
        ("BatchSize", plan.BatchSize.ToString(CultureInfo.InvariantCulture)),
        ("LearningRate", plan.LearningRate.ToString("R", CultureInfo.InvariantCulture)),
        ("LearningRateScheduler", plan.Schedule is { } schedule ? $"{schedule}{(schedule.EndsLow ? $" over {plan.Epochs} epochs" : "")}" : "none"),
        ("WeightDecay", plan.WeightDecay.ToString("R", CultureInfo.InvariantCulture)),
        ("LabelSmoothing", plan.LabelSmoothing.ToString("R", CultureInfo.InvariantCulture)),
        ("Augmentations", plan.Augmentations.Length == 0 ? "none" : string.Join(", ", plan.Augmentations)),
        ("EmaMomentum", plan.EmaMomentum?.ToString("R", CultureInfo.InvariantCulture) ?? "none"),
        ("RecomputeStatistics", plan.RecomputeStatistics ? "true" : "false"),
        ("ClassWeights", options.ClassWeights?.ToString() ?? "none"),
        ("FrozenLayers", options.FrozenLayers.Count == 0 ? "none" : string.Join(", ", options.FrozenLayers)),
        ("initial weights", initial.WeightHash()[..16]),
        .. options.InitialState is { } state ? [("initial optimizer", Fingerprint(state))] : Array.Empty<(string, string)>(),
        ("training images", Fingerprint(train)),
        ("validation images", validation is null ? "none" : Fingerprint(validation)),
    ];

    private static string Joined(IEnumerable<double> values) => string.Join("/", values.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));

    /// <summary>Step and hash of all moments.</summary>
    private static string Fingerprint(EngineState state) => FormattableString.Invariant($"step {state.Step:N0} with SHA-256 {state.MomentHash()[..16]}…");

    /// <summary>Number of images and SHA-256 over their pixels and labels.</summary>
    private static string Fingerprint(ImageSet images)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(images.Pixels);
        if (BitConverter.IsLittleEndian)
        {
            hash.AppendData(MemoryMarshal.AsBytes(images.Labels));
        }
        else
        {
            hash.AppendData(Encoding.UTF8.GetBytes(string.Join(',', images.Labels.ToArray())));
        }

        return FormattableString.Invariant($"{images.Count:N0} with SHA-256 {Convert.ToHexStringLower(hash.GetHashAndReset())[..16]}…");
    }
}
