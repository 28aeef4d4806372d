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

    /// <summary>The number of epochs, which a checkpoint keeps beside the identity: a training may go on for more.</summary>
    public static (string Name, string Value) Length(TrainingPlan plan) => (nameof(TrainingSettings.Epoch), plan.Epochs.ToString(CultureInfo.InvariantCulture));

    /// <summary>
    /// How a schedule of one's own that goes by the number of epochs differs, where another number would have given the epochs done other rates: what went on would be neither the shorter
    /// training nor the longer one. Null where it does not.
    /// </summary>
    /// <param name="plan">What is settled now.</param>
    /// <param name="epochs">The number of epochs planned before the interruption.</param>
    /// <param name="done">Epochs done.</param>
    public static string? OtherRates(TrainingPlan plan, int epochs, int done)
    {
        if (plan.Schedule is not { } schedule || epochs == plan.Epochs)
        {
            return null;
        }

        var ends = Enumerable.Range(0, done).SelectMany(epoch => new[] { 0, plan.StepsPerEpoch - 1 }.Select(batch => plan.StateAt(epoch, batch)));
        return ends.Any(state => schedule.RateOf(state with { Epochs = epochs }) != schedule.RateOf(state))
            ? $"LearningRateScheduler: expected {Shown.Text(schedule.ToString())} over {epochs} epochs, found {Shown.Text(schedule.ToString())} over {plan.Epochs} epochs"
            : null;
    }

    private static string Joined(IEnumerable<double> values) => string.Join("/", values.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));

    /// <summary>Step and hash of all moments.</summary>
    private static string Fingerprint(EngineState state) => FormattableString.Invariant($"step {state.Step:N0} with SHA-256 {state.MomentHash()[..16]}…");

    /// <summary>Number of images and SHA-256 over their pixels and labels.</summary>
    internal static string Fingerprint(ImageSet images)
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
