using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>
/// Predictions beside their true classes, under ML.NET's default column names: both labels as keys and the scores as a vector, with the classes' names.
/// Not of <c>LoadFromEnumerable</c>, which writes code while the program runs: <c>dotnet run app.cs</c> forbids that.
/// </summary>
internal sealed class ScoredRowsDataView : IDataView
{
    private const string Label = "Label", PredictedLabel = "PredictedLabel", Score = "Score";

    private readonly int[] labels;
    private readonly IReadOnlyList<Prediction> predictions;

    /// <param name="labels">The true classes, from 0, as indices into <paramref name="classNames"/>.</param>
    /// <param name="predictions">One for each label.</param>
    /// <param name="classNames">The names that ML.NET's tables print.</param>
    public ScoredRowsDataView(int[] labels, IReadOnlyList<Prediction> predictions, ImmutableArray<string> classNames)
    {
        (this.labels, this.predictions) = (labels, predictions);
        var schema = new DataViewSchema.Builder();
        foreach (string column in new[] { Label, PredictedLabel })
        {
            schema.AddColumn(column, new KeyDataViewType(typeof(uint), classNames.Length), Names(AnnotationNames.KeyValues, classNames));
        }

        schema.AddColumn(Score, new VectorDataViewType(NumberDataViewType.Single, classNames.Length), Names(AnnotationNames.SlotNames, classNames));
        Schema = schema.ToSchema();
    }

    /// <inheritdoc/>
    public DataViewSchema Schema { get; }

    /// <inheritdoc/>
    public bool CanShuffle => false;

    /// <inheritdoc/>
    public long? GetRowCount() => labels.Length;

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) => new Cursor(this, columnsNeeded);

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) => [GetRowCursor(columnsNeeded, rand)];

    private static DataViewSchema.Annotations Names(string kind, ImmutableArray<string> classNames)
    {
        var annotations = new DataViewSchema.Annotations.Builder();
        LabelKeys.FromNames(classNames).AddTo(annotations, kind);
        return annotations.ToAnnotations();
    }

    private sealed class Cursor(ScoredRowsDataView view, IEnumerable<DataViewSchema.Column> columnsNeeded) : DataViewRowCursor
    {
        private readonly HashSet<int> active = [.. columnsNeeded.Select(column => column.Index)];
        private int row = -1;

        public override DataViewSchema Schema => view.Schema;

        public override long Position => row;

        public override long Batch => 0;

        public override bool MoveNext()
        {
            row = row + 1 < view.labels.Length ? row + 1 : -1;
            return row >= 0;
        }

        public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column.Index);

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)row, 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            Delegate getter = column.Name switch
            {
                Label => (ValueGetter<uint>)((ref uint value) => value = (uint)view.labels[row] + 1), // keys count from 1; 0 is missing
                PredictedLabel => (ValueGetter<uint>)((ref uint value) => value = (uint)view.predictions[row].LabelIndex + 1),
                _ => (ValueGetter<VBuffer<float>>)GetScore,
            };
            return (ValueGetter<TValue>)getter;
        }

        private void GetScore(ref VBuffer<float> value)
        {
            var probabilities = view.predictions[row].Probabilities;
            var editor = VBufferEditor.Create(ref value, probabilities.Length);
            probabilities.AsSpan().CopyTo(editor.Values);
            value = editor.Commit();
        }
    }
}
