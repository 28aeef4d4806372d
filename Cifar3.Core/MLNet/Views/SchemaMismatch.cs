using Microsoft.ML;

namespace Cifar3;

/// <summary>Errors about columns, of the kind and with the words that ML.NET's own transforms have.</summary>
internal static class SchemaMismatch
{
    /// <summary>The column that has the images, and what its type says.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such column, or it has no images.</exception>
    public static (DataViewSchema.Column Column, ImageColumn Images) FindImages(DataViewSchema inputSchema, string name)
    {
        var column = inputSchema.GetColumnOrNull(name) ?? throw Missing("feature", name, inputSchema.Select(c => c.Name));
        return (column, ImageColumn.Find(column.Type) ?? throw Type("feature", name, ImageColumn.Expected, column.Type.ToString()!));
    }

    /// <summary>There is no column of the name.</summary>
    public static ArgumentOutOfRangeException Missing(string role, string name, IEnumerable<string> found) =>
        Error($"Schema mismatch: could not find {role} column '{name}'. Found: {string.Join(", ", found)}.");

    /// <summary>The column has another type.</summary>
    public static ArgumentOutOfRangeException Type(string role, string name, string expected, string found) =>
        Error($"Schema mismatch for {role} column '{name}': expected {expected}, got {found}.");

    /// <summary>ML.NET calls the parameter so, whichever of its methods found out.</summary>
    private static ArgumentOutOfRangeException Error(string message, string parameter = "inputSchema") => new(parameter, message);
}
