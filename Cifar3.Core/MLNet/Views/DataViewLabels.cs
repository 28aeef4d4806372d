using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

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
        _ => throw new Cifar3DataException($"Schema mismatch for label column '{column.Name}'. Expected a key (Conversions.MapValueToKey makes one) or Text. Found {column.Type}."),
    };

    /// <summary>The labels as indices into the class names.</summary>
    /// <param name="classNames">The names wanted, in their order; null = the key values in their order, or the texts in ordinal order.</param>
    /// <exception cref="Cifar3DataException">There are too few or too many classes, or a label is none of them.</exception>
    public (int[] Indices, IReadOnlyList<string> Names) ToIndices(IReadOnlyList<string>? classNames)
    {
        var names = classNames ?? (column.Type is KeyDataViewType ? KeyNames() : [.. values.Distinct().Order(StringComparer.Ordinal)]);
        ClassList.CheckCount(names, $"label column '{column.Name}'");
        var index = new Dictionary<string, int>();
        for (int i = 0; i < names.Count; i++)
        {
            if (!index.TryAdd(names[i], i))
            {
                throw new Cifar3DataException($"Class '{names[i]}' is there twice among the classes of label column '{column.Name}' ({string.Join(", ", names)}). Give each class one name.");
            }
        }

        var indices = new int[values.Count];
        for (int row = 0; row < indices.Length; row++)
        {
            if (!index.TryGetValue(values[row], out indices[row]))
            {
                throw new Cifar3DataException($"Label '{values[row]}' in row {row:N0} of column '{column.Name}' is none of the classes. Expected one of: {string.Join(", ", names)}.");
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
            values.Add(value.IsEmpty ? throw Missing(row) : value.ToString());
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
            values.Add(number == 0 || number > (ulong)names.Count ? throw Missing(row) : names[(int)number - 1]);
        };
    }

    private Cifar3DataException Missing(int row) => new($"Row {row:N0} has no label in column '{column.Name}'. Filter out rows without a label, or rows whose label is not among the key values.");

    /// <summary>The names of the keys; 1, 2, … where the column has none.</summary>
    private List<string> KeyNames()
    {
        ulong count = ((KeyDataViewType)column.Type).Count;
        if (count > CnnArchitecture.MaxClasses)
        {
            throw new Cifar3DataException($"Label column '{column.Name}' has {count:N0} key values. Expected {CnnArchitecture.MinClasses} to {CnnArchitecture.MaxClasses} classes.");
        }

        var type = column.Annotations.Schema.GetColumnOrNull("KeyValues")?.Type is VectorDataViewType vector ? vector.ItemType.RawType : null;
        var names = type == typeof(ReadOnlyMemory<char>) ? Annotation<ReadOnlyMemory<char>>()
            : type == typeof(float) ? Annotation<float>()
            : type == typeof(double) ? Annotation<double>()
            : type == typeof(int) ? Annotation<int>()
            : type == typeof(uint) ? Annotation<uint>()
            : type == typeof(long) ? Annotation<long>()
            : type == typeof(bool) ? Annotation<bool>()
            : [];
        return names.Count == (int)count ? names : [.. Enumerable.Range(1, (int)count).Select(i => i.ToString(CultureInfo.InvariantCulture))];
    }

    private List<string> Annotation<T>()
    {
        VBuffer<T> buffer = default;
        column.Annotations.GetValue("KeyValues", ref buffer);
        return [.. buffer.DenseValues().Select(value => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")];
    }
}
