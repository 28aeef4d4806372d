using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>The key values of a label, in the order of the keys: what the keys of <c>PredictedLabel</c> stand for.</summary>
internal abstract class LabelKeys
{
    /// <summary>The name of the annotation that ML.NET keeps key values in.</summary>
    public const string Annotation = "KeyValues";

    /// <summary>Type of the values; Text unless the label's key values are of another type.</summary>
    public abstract PrimitiveDataViewType ItemType { get; }

    /// <summary>Number of keys: the classes.</summary>
    public abstract int Count { get; }

    /// <summary>The class names as key values.</summary>
    public static LabelKeys FromNames(ImmutableArray<string> names) => new LabelKeys<ReadOnlyMemory<char>>(TextDataViewType.Instance, [.. names.Select(name => name.AsMemory())]);

    /// <summary>A label column's own key values; the class names where it has none.</summary>
    public static LabelKeys FromColumn(DataViewSchema.Column label, ImmutableArray<string> names)
    {
        if (label.Type is not KeyDataViewType || label.Annotations.Schema.GetColumnOrNull(Annotation) is not { Type: VectorDataViewType { ItemType: { } itemType } vector } || vector.Size != names.Length)
        {
            return FromNames(names);
        }

        var reader = typeof(LabelKeys<>).MakeGenericType(itemType.RawType).GetMethod(nameof(LabelKeys<int>.Read))!;
        return (LabelKeys)reader.Invoke(null, [itemType, label.Annotations])!;
    }

    /// <summary>Adds the values to a column's annotations.</summary>
    public abstract void AddTo(DataViewSchema.Annotations.Builder annotations);

    /// <summary>A <see cref="ValueGetter{TValue}"/> of the value of a key.</summary>
    /// <param name="index">Gives the key's number, from 0.</param>
    public abstract Delegate Getter(Func<int> index);
}

/// <summary>Key values of one type.</summary>
internal sealed class LabelKeys<T>(PrimitiveDataViewType itemType, ImmutableArray<T> values) : LabelKeys
{
    public override PrimitiveDataViewType ItemType => itemType;

    public override int Count => values.Length;

    /// <summary>Copies the key values out of a column's annotations.</summary>
    public static LabelKeys<T> Read(PrimitiveDataViewType itemType, DataViewSchema.Annotations annotations)
    {
        VBuffer<T> buffer = default;
        annotations.GetValue(Annotation, ref buffer);
        return new LabelKeys<T>(itemType, [.. buffer.DenseValues()]);
    }

    public override void AddTo(DataViewSchema.Annotations.Builder annotations) =>
        annotations.Add(Annotation, new VectorDataViewType(itemType, values.Length), (ValueGetter<VBuffer<T>>)Values);

    public override Delegate Getter(Func<int> index) => (ValueGetter<T>)((ref T value) => value = values[index()]);

    private void Values(ref VBuffer<T> target)
    {
        var editor = VBufferEditor.Create(ref target, values.Length);
        values.CopyTo(editor.Values);
        target = editor.Commit();
    }
}
