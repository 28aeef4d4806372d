using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>One row a class: a vector with a 1 in the class' place, and the class as a key with the label's key values.</summary>
internal sealed class ChoiceExamples : IDataView
{
    /// <summary>The column of keys.</summary>
    public const string Label = "Cifar3.Class";

    private readonly int classes;

    public ChoiceExamples(LabelKeys keys)
    {
        classes = keys.Count;
        var keyValues = new DataViewSchema.Annotations.Builder();
        keys.AddTo(keyValues);
        var schema = new DataViewSchema.Builder();
        schema.AddColumn(StockGraph.Choice, new VectorDataViewType(NumberDataViewType.Single, classes));
        schema.AddColumn(Label, new KeyDataViewType(typeof(uint), classes), keyValues.ToAnnotations());
        Schema = schema.ToSchema();
    }

    /// <inheritdoc/>
    public DataViewSchema Schema { get; }

    /// <inheritdoc/>
    public bool CanShuffle => false;

    /// <inheritdoc/>
    public long? GetRowCount() => classes;

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) => new Cursor(this);

    /// <inheritdoc/>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) => [GetRowCursor(columnsNeeded)];

    private sealed class Cursor(ChoiceExamples examples) : DataViewRowCursor
    {
        private int row = -1;

        public override DataViewSchema Schema => examples.Schema;

        public override long Position => row;

        public override long Batch => 0;

        public override bool MoveNext() => ++row < examples.classes;

        public override bool IsColumnActive(DataViewSchema.Column column) => true;

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)row, 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            Delegate getter = column.Name == Label ? (ValueGetter<uint>)((ref uint key) => key = (uint)row + 1) : (ValueGetter<VBuffer<float>>)Choice;
            return (ValueGetter<TValue>)getter;
        }

        private void Choice(ref VBuffer<float> value)
        {
            var editor = VBufferEditor.Create(ref value, examples.classes);
            editor.Values.Clear();
            editor.Values[row] = 1;
            value = editor.Commit();
        }
    }
}
