using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace Cifar3;

/// <summary>A chain of ML.NET's own transformers that does what a <see cref="Cifar3Transformer"/> does, one row at a time: what model.zip holds.</summary>
/// <remarks>
/// No transformer of ML.NET turns a vector into a key. A naive Bayes model of one example a class does: given a vector with a single 1 it
/// predicts that place's class, and its key values are the label's.
/// </remarks>
internal static class StockChain
{
    private const string Prefix = "Cifar3.", Picture = Prefix + "Picture", Label = Prefix + "Label", Encoded = DecodeImage.EncodedColumn;

    /// <summary>Builds the chain.</summary>
    /// <param name="model">The network.</param>
    /// <param name="columns">The columns to read and to add.</param>
    /// <param name="keys">The key values of the predicted label.</param>
    /// <param name="featureType">The type of the feature column; the chain takes no other.</param>
    /// <param name="temporary">A folder for what ML.NET writes on the way: it leaves the file that it makes of a graph in memory.</param>
    public static TransformerChain<ITransformer> Create(CnnModel model, ScoreColumns columns, LabelKeys keys, DataViewType featureType, string temporary)
    {
        var builder = new ChainBuilder(columns.Feature, featureType, temporary);
        var transforms = builder.Context.Transforms;
        var images = ImageColumn.Find(featureType)!.Value;
        int height = CnnArchitecture.InputSize, width = height;
        switch (images.Kind)
        {
            case ImageColumnKind.Image or ImageColumnKind.Path:
                if (images.Kind == ImageColumnKind.Path)
                {
                    builder.Add(transforms.LoadImages(Picture, imageFolder: null, inputColumnName: columns.Feature));
                }
                else
                {
                    builder.Add(transforms.CopyColumns(Picture, columns.Feature));
                }

                if (featureType is ImageDataViewType { Height: > 0, Width: > 0 } known)
                {
                    (height, width) = (known.Height, known.Width);
                }
                else
                {
                    builder.Add(transforms.ResizeImages(Picture, width, height, Picture, ImageResizingEstimator.ResizingKind.Fill));
                }

                builder.Add(transforms.ExtractPixels(StockGraph.Pixels, Picture, ImagePixelExtractingEstimator.ColorBits.All, interleavePixelColors: true));
                images = new ImageColumn(ImageColumnKind.Image);
                break;
            case ImageColumnKind.Encoded:
                builder.Add(transforms.CopyColumns(Encoded, columns.Feature));
                builder.Add(transforms.CustomMapping(new DecodeImage().GetMapping(), DecodeImage.Contract));
                break;
            default:
                builder.Add(transforms.CopyColumns(StockGraph.Pixels, columns.Feature));
                break;
        }

        using var onnx = new MemoryStream(StockGraph.Create(model, images, height, width));
        builder.Add(transforms.ApplyOnnxModel([StockGraph.Scores, StockGraph.Choice], [StockGraph.Pixels], onnx));
        builder.Add(builder.Context.MulticlassClassification.Trainers.NaiveBayes(ChoiceExamples.Label, StockGraph.Choice).Fit(new ChoiceExamples(keys)));
        builder.Add(transforms.CopyColumns(Label, DefaultNames.PredictedLabel));
        string[] read = images.Kind == ImageColumnKind.Image ? [Picture] : images.Kind == ImageColumnKind.Encoded ? [Encoded] : [];
        builder.Add(transforms.DropColumns([.. read, StockGraph.Pixels, StockGraph.Choice, DefaultNames.Score, DefaultNames.PredictedLabel]));
        builder.Add(transforms.CopyColumns(columns.Score, StockGraph.Scores));
        builder.Add(transforms.CopyColumns(columns.PredictedLabel, Label));
        if (columns.PredictedLabelValue is not null)
        {
            builder.Add(transforms.Conversion.MapKeyToValue(columns.PredictedLabelValue, Label));
        }

        builder.Add(transforms.DropColumns(StockGraph.Scores, Label));
        return builder.ToChain();
    }

    private static class DefaultNames
    {
        public const string Score = "Score", PredictedLabel = "PredictedLabel";
    }

    /// <summary>Fits one estimator after the other to a data view without rows.</summary>
    private sealed class ChainBuilder
    {
        private readonly List<ITransformer> transformers = [];
        private DataViewSchema schema;

        public ChainBuilder(string feature, DataViewType featureType, string temporary)
        {
            Context = new MLContext { TempFilePath = temporary };
            var builder = new DataViewSchema.Builder();
            builder.AddColumn(feature, featureType);
            schema = builder.ToSchema();
        }

        public MLContext Context { get; }

        public void Add<T>(IEstimator<T> estimator)
            where T : class, ITransformer => Add(estimator.Fit(new EmptyDataView(schema)));

        public void Add(ITransformer transformer)
        {
            schema = transformer.GetOutputSchema(schema);
            transformers.Add(transformer);
        }

        public TransformerChain<ITransformer> ToChain() => new([.. transformers]);
    }
}
