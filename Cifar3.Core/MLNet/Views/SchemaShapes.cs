using System.Runtime.CompilerServices;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace Cifar3;

/// <summary>What estimators promise before they see data: which columns they need and add.</summary>
internal static class SchemaShapes
{
    /// <summary>Checks the column of images, as far as a shape tells: it does not know sizes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The column is missing or has another type.</exception>
    public static void CheckImages(SchemaShape shape, string name)
    {
        var column = Find(shape, "feature", name);
        bool known = !column.IsKey && column.Kind switch
        {
            SchemaShape.Column.VectorKind.Scalar => column.ItemType is ImageDataViewType or TextDataViewType,
            SchemaShape.Column.VectorKind.Vector => column.ItemType == NumberDataViewType.Byte || column.ItemType == NumberDataViewType.Single,
            _ => column.ItemType == NumberDataViewType.Byte,
        };
        if (!known)
        {
            throw SchemaMismatch.Type("feature", name, ImageColumn.Expected, Describe(column));
        }
    }

    /// <summary>The column of a name.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is none.</exception>
    public static SchemaShape.Column Find(SchemaShape shape, string role, string name)
    {
        foreach (var column in shape)
        {
            if (column.Name == name)
            {
                return column;
            }
        }

        throw SchemaMismatch.Missing(role, name, shape.Select(c => c.Name));
    }

    /// <summary>The shape with the columns that scoring adds; one of the same name is replaced.</summary>
    /// <param name="shape">The columns there are.</param>
    /// <param name="columns">The names.</param>
    /// <param name="keyType">The type of the key values.</param>
    /// <param name="familiarity">Whether the familiarity is among them.</param>
    public static SchemaShape AddScores(SchemaShape shape, ScoreColumns columns, DataViewType keyType, bool familiarity)
    {
        var scores = Create(columns.Score, SchemaShape.Column.VectorKind.Vector, NumberDataViewType.Single, false, Annotation(AnnotationNames.SlotNames, TextDataViewType.Instance));
        var label = Create(columns.PredictedLabel, SchemaShape.Column.VectorKind.Scalar, NumberDataViewType.UInt32, true, Annotation(AnnotationNames.KeyValues, keyType));
        List<SchemaShape.Column> added = [scores, label];
        if (columns.PredictedLabelValue is not null)
        {
            added.Add(Create(columns.PredictedLabelValue, SchemaShape.Column.VectorKind.Scalar, keyType, false, null));
        }

        if (familiarity)
        {
            added.Add(Create(ScoreColumns.Familiarity, SchemaShape.Column.VectorKind.Scalar, NumberDataViewType.Single, false, null));
            added.Add(Create(ScoreColumns.IsFamiliar, SchemaShape.Column.VectorKind.Scalar, BooleanDataViewType.Instance, false, null));
        }

        return new SchemaShape([.. shape.Where(column => !added.Exists(a => a.Name == column.Name)), .. added]);

        static SchemaShape Annotation(string name, DataViewType type) => new([Create(name, SchemaShape.Column.VectorKind.Vector, type, false, null)]);
    }

    /// <summary>The type of a key column's values; Text where it has none.</summary>
    public static DataViewType KeyValueType(SchemaShape.Column key)
    {
        foreach (var annotation in key.Annotations)
        {
            if (annotation.Name == AnnotationNames.KeyValues)
            {
                return annotation.ItemType;
            }
        }

        return TextDataViewType.Instance;
    }

    /// <summary>The column's type in words, such as <c>Vector&lt;Single&gt;</c>, as ML.NET writes it.</summary>
    public static string Describe(SchemaShape.Column column)
    {
        string item = column.IsKey ? $"Key<{column.ItemType}>" : column.ItemType.ToString()!;
        return column.Kind switch
        {
            SchemaShape.Column.VectorKind.Vector => $"Vector<{item}>",
            SchemaShape.Column.VectorKind.VariableVector => $"VarVector<{item}>",
            _ => item,
        };
    }

    /// <summary>ML.NET asks every estimator for a shape, but has no public way to make a column of one.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern SchemaShape.Column Create(string name, SchemaShape.Column.VectorKind vecKind, DataViewType itemType, bool isKey, SchemaShape? annotations);
}

/// <summary>Errors about columns, of the kind and with the words that ML.NET's own transforms have.</summary>
internal static class SchemaMismatch
{
    /// <summary>The column that has the images, and what its type says.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such column, or it has no images.</exception>
    public static (DataViewSchema.Column Column, ImageColumn Images) FindImages(DataViewSchema inputSchema, string name, string role = "feature")
    {
        var column = inputSchema.GetColumnOrNull(name) ?? throw Missing(role, name, inputSchema.Select(c => c.Name));
        return (column, ImageColumn.Find(column.Type) ?? throw Type(role, name, ImageColumn.Expected, column.Type.ToString()!));
    }

    /// <summary>There is no column of the name.</summary>
    public static ArgumentOutOfRangeException Missing(string role, string name, IEnumerable<string> found) =>
        Error($"Schema mismatch: could not find {role} column '{Shown.Text(name)}'. Found: {Shown.First(found, Shown.MaxItems)}.");

    /// <summary>The column has another type.</summary>
    public static ArgumentOutOfRangeException Type(string role, string name, string expected, string found) =>
        Error($"Schema mismatch for {role} column '{Shown.Text(name)}': expected {expected}, got {found}.");

    /// <summary>ML.NET calls the parameter so, whichever of its methods found out.</summary>
    private static ArgumentOutOfRangeException Error(string message, string parameter = "inputSchema") => new(parameter, message);
}
