using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace Cifar3;

/// <summary>Labelled images as ML.NET sees them; values are made as a cursor asks for them. See <see cref="ImageSet.ToDataView"/>.</summary>
internal sealed class ImageRowsDataView : IDataView
{
    private const string PathColumn = "ImagePath";

    private readonly IImageRows set;

    public ImageRowsDataView(IImageRows set)
    {
        this.set = set;
        Schema = NativeProgram.CallMlNet("Cannot make a data view", MakeSchema);
    }

    /// <inheritdoc/>
    public DataViewSchema Schema { get; }

    /// <inheritdoc/>
    public bool CanShuffle => true;

    /// <inheritdoc/>
    public long? GetRowCount() => set.Count;

    /// <inheritdoc/>
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        int[]? order = null;
        if (rand is not null)
        {
            order = [.. Enumerable.Range(0, set.Count)];
            rand.Shuffle(order);
        }

        return new Cursor(this, columnsNeeded, order);
    }

    /// <inheritdoc/>
    /// <remarks>One cursor: making a row costs less than handing it to another thread.</remarks>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) => [GetRowCursor(columnsNeeded, rand)];

    private DataViewSchema MakeSchema()
    {
        var label = new DataViewSchema.Annotations.Builder();
        LabelKeys.FromNames(set.ClassNames).AddTo(label);
        var schema = new DataViewSchema.Builder();
        schema.AddColumn(ImageSet.ImageColumn, new ImageDataViewType(CnnArchitecture.InputSize, CnnArchitecture.InputSize));
        schema.AddColumn(ImageSet.PixelsColumn, new VectorDataViewType(NumberDataViewType.Byte, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels));
        schema.AddColumn(ImageSet.LabelColumn, new KeyDataViewType(typeof(uint), set.ClassNames.Length), label.ToAnnotations());
        if (set.HasPaths)
        {
            schema.AddColumn(PathColumn, TextDataViewType.Instance);
        }

        return schema.ToSchema();
    }

    private sealed class Cursor(ImageRowsDataView view, IEnumerable<DataViewSchema.Column> columnsNeeded, int[]? order) : DataViewRowCursor
    {
        private readonly HashSet<int> active = [.. columnsNeeded.Select(column => column.Index)];
        private long position = -1;
        private int next = -1;

        public override DataViewSchema Schema => view.Schema;

        public override long Position => position;

        public override long Batch => 0;

        /// <summary>Index of the image at the cursor.</summary>
        private int Row => position < 0 ? throw new InvalidOperationException("The cursor is not at a row: MoveNext was not called, or said false.") : order is null ? (int)position : order[position];

        public override bool MoveNext()
        {
            next = Math.Min(next + 1, view.set.Count);
            position = next < view.set.Count ? next : -1;
            return position >= 0;
        }

        public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column.Index);

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)Row, 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (!IsColumnActive(column))
            {
                throw new InvalidOperationException($"Column '{column.Name}' was not asked for when this cursor was made.");
            }

            Delegate getter = column.Name switch
            {
                ImageSet.ImageColumn => (ValueGetter<MLImage>)GetImage,
                ImageSet.PixelsColumn => (ValueGetter<VBuffer<byte>>)GetPixels,
                PathColumn => (ValueGetter<ReadOnlyMemory<char>>)GetPath,
                _ => (ValueGetter<uint>)GetLabel,
            };
            return getter as ValueGetter<TValue> ?? throw new InvalidOperationException($"Column '{column.Name}' has values of type {column.Type.RawType}. Requested: {typeof(TValue)}.");
        }

        /// <summary>As ML.NET's own image loader: the picture given before is disposed, so keep none beyond its row.</summary>
        private void GetImage(ref MLImage value)
        {
            value?.Dispose();
            value = null!; // should the file be damaged
            Span<byte> rgb = stackalloc byte[CnnArchitecture.ImageBytes];
            view.set.Read(Row, rgb);
            value = MLImagePixels.Create(rgb);
        }

        private void GetPixels(ref VBuffer<byte> value)
        {
            var editor = VBufferEditor.Create(ref value, CnnArchitecture.ImageBytes);
            view.set.Read(Row, editor.Values);
            value = editor.Commit();
        }

        private void GetLabel(ref uint value) => value = (uint)view.set.Label(Row) + 1; // keys count from 1; 0 is missing

        private void GetPath(ref ReadOnlyMemory<char> value) => value = view.set.Path(Row).AsMemory();
    }
}
