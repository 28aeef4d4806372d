using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>All that a data view says: schemas and values in a form that can be compared.</summary>
internal static class DataViewContent
{
    /// <summary>Names, types, hiding, and the two annotations that ML.NET compares, one line a column.</summary>
    public static string[] Describe(DataViewSchema schema) =>
        [.. schema.Select(column => $"{column.Index} {column.Name}: {column.Type}{(column.IsHidden ? ", hidden" : "")}, index {schema[column.Name].Index}, slots [{Annotation(column, "SlotNames")}], keys [{Annotation(column, "KeyValues")}]")];

    /// <summary>Name, kind, type and annotations of a shape's columns, one line each.</summary>
    public static string[] Describe(SchemaShape shape) => [.. shape.Select(column =>
        $"{column.Name}: {column.Kind} {column.ItemType}{(column.IsKey ? " key" : "")} [{string.Join("; ", column.Annotations.Select(a => $"{a.Name}: {a.Kind} {a.ItemType}").Order())}]").Order()];

    /// <summary>The shape of a schema, as ML.NET makes it.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.StaticMethod, Name = "Create")]
    public static extern SchemaShape Shape(SchemaShape? type, DataViewSchema schema);

    /// <summary>The values of some columns, row by row, read with one cursor; numbers stay numbers.</summary>
    public static List<object?[]> Read(IDataView view, IEnumerable<DataViewSchema.Column> columns)
    {
        var list = columns.ToList();
        using var cursor = view.GetRowCursor(list);
        Assert.That(cursor.Schema, Is.SameAs(view.Schema));
        var getters = list.ConvertAll(column => Getter(cursor, column));
        var rows = new List<object?[]>();
        while (cursor.MoveNext())
        {
            rows.Add([.. getters.Select(getter => getter())]);
        }

        return rows;
    }

    /// <summary>The rows' numbers, no two of which may be the same.</summary>
    public static List<DataViewRowId> Ids(IDataView view)
    {
        using var cursor = view.GetRowCursor([]);
        var getter = cursor.GetIdGetter();
        var ids = new List<DataViewRowId>();
        while (cursor.MoveNext())
        {
            DataViewRowId id = default;
            getter(ref id);
            ids.Add(id);
        }

        Assert.That(ids, Is.Unique);
        return ids;
    }

    /// <summary>Compares what <see cref="Read"/> gave.</summary>
    public static void AssertEqual(List<object?[]> actual, List<object?[]> expected, double tolerance)
    {
        Assert.That(actual, Has.Count.EqualTo(expected.Count));
        for (int row = 0; row < expected.Count; row++)
        {
            for (int i = 0; i < expected[row].Length; i++)
            {
                var (a, e) = (actual[row][i], expected[row][i]);
                bool close = e is object?[] { Length: > 0 } vector && vector[0] is float;
                Assert.That(a, close ? Is.EqualTo(((object?[])e!).Cast<float>()).Within(tolerance) : Is.EqualTo(e), $"row {row}, value {i}");
            }
        }
    }

    private static Func<object?> Getter(DataViewRow row, DataViewSchema.Column column)
    {
        var method = typeof(DataViewContent).GetMethod(nameof(GetterOf), BindingFlags.NonPublic | BindingFlags.Static)!;
        return (Func<object?>)method.MakeGenericMethod(column.Type.RawType).Invoke(null, [row, column])!;
    }

    private static Func<object?> GetterOf<T>(DataViewRow row, DataViewSchema.Column column)
    {
        var getter = row.GetGetter<T>(column);
        T value = default!;
        return () =>
        {
            getter(ref value);
            return Plain(value);
        };
    }

    private static object? Plain(object? value) => value switch
    {
        ReadOnlyMemory<char> text => text.ToString(),
        null => null,
        _ when value.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == typeof(VBuffer<>) =>
            ((IEnumerable)type.GetMethod(nameof(VBuffer<int>.DenseValues))!.Invoke(value, null)!).Cast<object?>().Select(Plain).ToArray(),
        _ => value,
    };

    private static string Annotation(DataViewSchema.Column column, string kind)
    {
        if (column.Annotations.Schema.GetColumnOrNull(kind) is null)
        {
            return "";
        }

        VBuffer<ReadOnlyMemory<char>> values = default;
        column.Annotations.GetValue(kind, ref values);
        return string.Join(", ", values.DenseValues().Select(value => value.ToString()));
    }
}
