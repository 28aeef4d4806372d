using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>The columns that scoring reads and adds.</summary>
/// <param name="Feature">The column of images.</param>
/// <param name="Score">The column of probabilities to add.</param>
/// <param name="PredictedLabel">The column of keys to add.</param>
/// <param name="PredictedLabelValue">The column of key values to add; null = none.</param>
internal sealed record ScoreColumns(string Feature, string Score, string PredictedLabel, string? PredictedLabelValue)
{
    /// <summary>The column of <see cref="Prediction.Familiarity"/>, where it is asked for.</summary>
    public const string Familiarity = "Familiarity";

    /// <summary>The column of <see cref="Prediction.IsFamiliar"/>, where it is asked for.</summary>
    public const string IsFamiliar = "IsFamiliar";

    /// <summary>Number of columns for probabilities and label.</summary>
    public int Count => PredictedLabelValue is null ? 2 : 3;

    /// <summary>Throws when a name is empty or two of the added columns have the same name.</summary>
    /// <param name="familiarity">Whether the columns of familiarity are added too.</param>
    /// <exception cref="ArgumentException">The names will not do.</exception>
    public void Validate(bool familiarity)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Feature);
        ArgumentException.ThrowIfNullOrWhiteSpace(Score);
        ArgumentException.ThrowIfNullOrWhiteSpace(PredictedLabel);
        string[] added = [Score, PredictedLabel, .. PredictedLabelValue is null ? Array.Empty<string>() : [PredictedLabelValue], .. familiarity ? [Familiarity, IsFamiliar] : Array.Empty<string>()];
        if (added.Distinct().Count() < added.Length || PredictedLabelValue?.Trim().Length == 0)
        {
            throw new ArgumentException($"The columns to add need names, all different. Received: Score '{Score}', PredictedLabel '{PredictedLabel}'{(PredictedLabelValue is null ? "" : $", PredictedLabelValue '{PredictedLabelValue}'")}{(familiarity ? $", and those of {nameof(ClassifierOptions)}.{nameof(ClassifierOptions.Familiarity)}, '{Familiarity}' and '{IsFamiliar}'" : "")}.");
        }
    }

    /// <summary>The schema with the columns added; one of the same name is hidden, as ML.NET does.</summary>
    public DataViewSchema AddTo(DataViewSchema input, ScoreRows rows, LabelKeys keys)
    {
        var classNames = rows.ClassNames;
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        var slots = new DataViewSchema.Annotations.Builder();
        slots.Add(AnnotationNames.SlotNames, new VectorDataViewType(TextDataViewType.Instance, classNames.Length), (ValueGetter<VBuffer<ReadOnlyMemory<char>>>)Names);
        builder.AddColumn(Score, new VectorDataViewType(NumberDataViewType.Single, classNames.Length), slots.ToAnnotations());
        var keyValues = new DataViewSchema.Annotations.Builder();
        keys.AddTo(keyValues);
        builder.AddColumn(PredictedLabel, new KeyDataViewType(typeof(uint), keys.Count), keyValues.ToAnnotations());
        if (PredictedLabelValue is not null)
        {
            builder.AddColumn(PredictedLabelValue, keys.ItemType);
        }

        if (rows.HasFamiliarity)
        {
            builder.AddColumn(Familiarity, NumberDataViewType.Single);
            builder.AddColumn(IsFamiliar, BooleanDataViewType.Instance);
        }

        return builder.ToSchema();

        void Names(ref VBuffer<ReadOnlyMemory<char>> target)
        {
            var editor = VBufferEditor.Create(ref target, classNames.Length);
            for (int i = 0; i < classNames.Length; i++)
            {
                editor.Values[i] = classNames[i].AsMemory();
            }

            target = editor.Commit();
        }
    }
}
