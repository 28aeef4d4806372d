using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>One row of a scored data view under ML.NET's default column names. Key values are 0-based here; the view's are 1-based.</summary>
internal sealed class ScoredRow
{
    /// <summary>The true class, from 0.</summary>
    public uint Label { get; set; }

    /// <summary>The most probable class, from 0.</summary>
    public uint PredictedLabel { get; set; }

    /// <summary>Probabilities [classes].</summary>
    public float[] Score { get; set; } = [];

    /// <summary>Both labels as keys and the scores as a vector, with the classes' names.</summary>
    [DynamicDependency(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor, typeof(ScoredRow))] // ML.NET reads rows by reflection, and trimming sees no use
    public static SchemaDefinition Schema(ImmutableArray<string> classNames)
    {
        var names = new VBuffer<ReadOnlyMemory<char>>(classNames.Length, [.. classNames.Select(name => name.AsMemory())]);
        var namesType = new VectorDataViewType(TextDataViewType.Instance, classNames.Length);
        var schema = SchemaDefinition.Create(typeof(ScoredRow));
        foreach (string column in new[] { nameof(Label), nameof(PredictedLabel) })
        {
            schema[column].ColumnType = new KeyDataViewType(typeof(uint), classNames.Length);
            schema[column].AddAnnotation(AnnotationNames.KeyValues, names, namesType);
        }

        schema[nameof(Score)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, classNames.Length);
        schema[nameof(Score)].AddAnnotation(AnnotationNames.SlotNames, names, namesType);
        return schema;
    }
}
