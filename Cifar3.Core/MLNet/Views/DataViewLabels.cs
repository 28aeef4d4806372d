using System.Collections.Immutable;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>The annotations by which ML.NET gives names to numbers (its own constants are internal).</summary>
internal static class AnnotationNames
{
    /// <summary>The values that a column's keys 1, 2, … stand for.</summary>
    public const string KeyValues = "KeyValues";

    /// <summary>The names of a vector's elements.</summary>
    public const string SlotNames = "SlotNames";
}

/// <summary>The key values of a label, in the order of the keys: what the keys of <c>PredictedLabel</c> stand for. The only reader of this annotation.</summary>
internal abstract class LabelKeys
{
    /// <summary>Type of the values; Text unless the label's key values are of another type.</summary>
    public abstract PrimitiveDataViewType ItemType { get; }

    /// <summary>Number of keys: the classes.</summary>
    public abstract int Count { get; }

    /// <summary>The class names as key values.</summary>
    public static LabelKeys FromNames(ImmutableArray<string> names) => new LabelKeys<ReadOnlyMemory<char>>(TextDataViewType.Instance, [.. names.Select(name => name.AsMemory())]);

    /// <summary>The values as text, numbers in the invariant culture.</summary>
    public abstract IReadOnlyList<string> Names { get; }

    /// <summary>A label column's own key values; the names given where it has none.</summary>
    public static LabelKeys FromColumn(DataViewSchema.Column label, ImmutableArray<string> names)
    {
        if (label.Type is not KeyDataViewType || label.Annotations.Schema.GetColumnOrNull(AnnotationNames.KeyValues) is not { Type: VectorDataViewType { ItemType: { } itemType } vector } || vector.Size != names.Length)
        {
            return FromNames(names);
        }

        var reader = typeof(LabelKeys<>).MakeGenericType(itemType.RawType).GetMethod(nameof(LabelKeys<int>.Read))!;
        return (LabelKeys)reader.Invoke(null, [itemType, label.Annotations])!;
    }

    /// <summary>Adds the values to a column's annotations.</summary>
    /// <param name="annotations">Where to.</param>
    /// <param name="kind">One of <see cref="AnnotationNames"/>.</param>
    public abstract void AddTo(DataViewSchema.Annotations.Builder annotations, string kind = AnnotationNames.KeyValues);

    /// <summary>A <see cref="ValueGetter{TValue}"/> of the value of a key.</summary>
    /// <param name="index">Gives the key's number, from 0.</param>
    public abstract Delegate Getter(Func<int> index);
}

/// <summary>Key values of one type.</summary>
internal sealed class LabelKeys<T>(PrimitiveDataViewType itemType, ImmutableArray<T> values) : LabelKeys
{
    public override PrimitiveDataViewType ItemType => itemType;

    public override int Count => values.Length;

    public override IReadOnlyList<string> Names => [.. values.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")];

    /// <summary>Copies the key values out of a column's annotations.</summary>
    public static LabelKeys<T> Read(PrimitiveDataViewType itemType, DataViewSchema.Annotations annotations)
    {
        VBuffer<T> buffer = default;
        annotations.GetValue(AnnotationNames.KeyValues, ref buffer);
        return new LabelKeys<T>(itemType, [.. buffer.DenseValues()]);
    }

    public override void AddTo(DataViewSchema.Annotations.Builder annotations, string kind = AnnotationNames.KeyValues) =>
        annotations.Add(kind, new VectorDataViewType(itemType, values.Length), (ValueGetter<VBuffer<T>>)Values);

    public override Delegate Getter(Func<int> index) => (ValueGetter<T>)((ref T value) => value = values[index()]);

    private void Values(ref VBuffer<T> target)
    {
        var editor = VBufferEditor.Create(ref target, values.Length);
        values.CopyTo(editor.Values);
        target = editor.Commit();
    }
}

/// <summary>Collects the labels of a data view: keys, whose key values are the class names, or texts, which are names themselves.</summary>
internal sealed class DataViewLabels(DataViewSchema.Column column)
{
    private readonly List<string> values = [];

    /// <summary>What takes the label of the row at the cursor.</summary>
    /// <exception cref="Cifar3DataException">The column's type will not do.</exception>
    public Action<int> Getter(DataViewRowCursor cursor) => column.Type switch
    {
        TextDataViewType => TextGetter(cursor),
        KeyDataViewType { RawType: var raw } when raw == typeof(byte) => KeyGetter<byte>(cursor),
        KeyDataViewType { RawType: var raw } when raw == typeof(ushort) => KeyGetter<ushort>(cursor),
        KeyDataViewType { RawType: var raw } when raw == typeof(uint) => KeyGetter<uint>(cursor),
        KeyDataViewType => KeyGetter<ulong>(cursor),
        _ => throw new Cifar3DataException($"Schema mismatch for label column '{Shown.Text(column.Name)}'. Expected a key (Conversions.MapValueToKey makes one) or Text. Found {column.Type}."),
    };

    /// <summary>The labels as indices into the class names.</summary>
    /// <param name="classNames">The names wanted, in their order; null = the key values in their order, or the texts in ordinal order.</param>
    /// <exception cref="Cifar3DataException">There are too few or too many classes, or a label is none of them.</exception>
    public (int[] Indices, IReadOnlyList<string> Names) ToIndices(IReadOnlyList<string>? classNames)
    {
        var names = classNames ?? (column.Type is KeyDataViewType ? KeyNames() : [.. values.Distinct().Order(StringComparer.Ordinal)]);
        ClassList.Check(names, $"label column '{Shown.Text(column.Name)}'");
        var index = Enumerable.Range(0, names.Count).ToDictionary(i => ClassList.Normal(names[i]));
        var indices = new int[values.Count];
        for (int row = 0; row < indices.Length; row++)
        {
            if (!index.TryGetValue(values[row], out indices[row]))
            {
                throw new Cifar3DataException($"Label '{Shown.Text(values[row])}' in row {row} of column '{Shown.Text(column.Name)}' is none of the classes. Expected one of: {Shown.Names(names)}.");
            }
        }

        return (indices, names);
    }

    private Action<int> TextGetter(DataViewRowCursor cursor)
    {
        var getter = cursor.GetGetter<ReadOnlyMemory<char>>(column);
        ReadOnlyMemory<char> value = default;
        return row =>
        {
            getter(ref value);
            values.Add(value.IsEmpty ? throw Missing(row) : ClassList.Normal(value.ToString()));
        };
    }

    private Action<int> KeyGetter<T>(DataViewRowCursor cursor)
        where T : struct, IConvertible
    {
        var names = KeyNames();
        var getter = cursor.GetGetter<T>(column);
        T key = default;
        return row =>
        {
            getter(ref key);
            ulong number = key.ToUInt64(CultureInfo.InvariantCulture); // from 1; 0 is missing
            values.Add(number == 0 || number > (ulong)names.Count ? throw Missing(row) : ClassList.Normal(names[(int)number - 1]));
        };
    }

    private Cifar3DataException Missing(int row) => new($"Row {row} has no label in column '{Shown.Text(column.Name)}'. Filter out rows without a label, or rows whose label is not among the key values.");

    /// <summary>The names of the keys; 1, 2, … where the column has none.</summary>
    private IReadOnlyList<string> KeyNames()
    {
        ulong count = ((KeyDataViewType)column.Type).Count;
        if (count > CnnArchitecture.MaxClasses)
        {
            throw new Cifar3DataException($"Label column '{Shown.Text(column.Name)}' has {count} key values. Expected {CnnArchitecture.MinClasses} to {CnnArchitecture.MaxClasses} classes. {ClassList.TooManyRemedy}");
        }

        return LabelKeys.FromColumn(column, [.. Enumerable.Range(1, (int)count).Select(i => i.ToString(CultureInfo.InvariantCulture))]).Names;
    }
}
