using System.Collections.Immutable;

namespace Cifar3;

/// <summary>
/// What a scorer writes for one image: the classes' probabilities and, where it is asked for, the familiarity after them.
/// </summary>
/// <param name="ClassNames">The classes.</param>
/// <param name="HasFamiliarity">Whether a row has a familiarity.</param>
/// <param name="Threshold">What <see cref="ModelMetadata.FamiliarityThreshold"/> tells.</param>
internal sealed record ScoreRows(ImmutableArray<string> ClassNames, bool HasFamiliarity = false, double? Threshold = null)
{
    /// <summary>The rows that options ask for.</summary>
    public static ScoreRows Of(ModelMetadata metadata, ClassifierOptions options) => new(metadata.ClassNames, options.Familiarity, metadata.FamiliarityThreshold);

    /// <summary>Numbers of one row.</summary>
    public int Width => ClassNames.Length + (HasFamiliarity ? 1 : 0);

    /// <summary>The prediction of one row [<see cref="Width"/>].</summary>
    public Prediction Read(ReadOnlySpan<float> row)
    {
        var prediction = new Prediction(ClassNames, [.. row[..ClassNames.Length]]);
        return HasFamiliarity ? prediction with { Familiarity = row[^1], IsFamiliar = IsFamiliar(row[^1]) } : prediction;
    }

    /// <summary>Whether a familiarity reaches the threshold; null where there is none.</summary>
    public bool? IsFamiliar(float familiarity) => Threshold is { } threshold ? familiarity >= threshold : null;

    /// <summary>One prediction for each of the rows [N, <see cref="Width"/>].</summary>
    public Prediction[] ReadAll(ReadOnlySpan<float> rows)
    {
        var predictions = new Prediction[rows.Length / Width];
        for (int i = 0; i < predictions.Length; i++)
        {
            predictions[i] = Read(rows.Slice(i * Width, Width));
        }

        return predictions;
    }
}
