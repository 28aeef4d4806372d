using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3;

/// <summary>Makes a <see cref="Cifar3Transformer"/> of a model that is trained already. See <c>mlContext.Transforms.ApplyCifar3</c>.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class Cifar3ScoringEstimator : IEstimator<Cifar3Transformer>
{
    private readonly ScoringModel model;
    private readonly ScoreColumns columns;
    private readonly ClassifierOptions? options;

    internal Cifar3ScoringEstimator(ScoringModel model, ScoreColumns columns, ClassifierOptions? options)
    {
        columns.Validate(options?.Familiarity == true);
        (this.model, this.columns, this.options) = (model, columns, options);
    }

    /// <summary>Binds the model to the data's schema; no row is read.</summary>
    /// <param name="input">A view with the column of images.</param>
    /// <returns>The transformer.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The feature column is missing or has another type: names it, expected and found.</exception>
    public Cifar3Transformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var (feature, _) = SchemaMismatch.FindImages(input.Schema, columns.Feature);
        return new Cifar3Transformer(model, columns, LabelKeys.FromNames(model.Metadata.ClassNames), feature.Type, options);
    }

    /// <summary>The columns that the transformer will give.</summary>
    /// <param name="inputSchema">The columns of the input.</param>
    /// <returns>Those of the input and the ones added.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The feature column is missing or has another type: names it, expected and found.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        SchemaShapes.CheckImages(inputSchema, columns.Feature);
        return SchemaShapes.AddScores(inputSchema, columns, TextDataViewType.Instance, options?.Familiarity == true);
    }
}
