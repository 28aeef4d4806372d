using System.Collections.Immutable;
using Microsoft.ML;

namespace Cifar3;

/// <summary>Training and test images as ML.NET data views: what <c>mlContext.Data.LoadCifar3(…)</c> gives.</summary>
/// <remarks>
/// Columns: <c>Image</c> (MLImage, 32×32), <c>Pixels</c> (vector of 3,072 Byte, 32×32×3), <c>Label</c> (key whose key values are the class names), and, where
/// the images are files, <c>ImagePath</c> (Text), which this library's trainer and transform read fastest. Immutable and safe to share between threads.
/// </remarks>
/// <param name="TrainSet">The images to train on.</param>
/// <param name="TestSet">The images to measure on.</param>
/// <param name="ClassNames">The classes' names, in the order of the keys.</param>
/// <param name="Source">Where the images come from, in words.</param>
/// <param name="IsSynthetic">Whether they are drawn rather than photographed: then every figure measured on them must say so.</param>
public sealed record Cifar3DataViews(IDataView TrainSet, IDataView TestSet, ImmutableArray<string> ClassNames, string Source, bool IsSynthetic)
{
    /// <summary>Images to choose by while training, such as the trainer's validation set; null where the folders have none.</summary>
    public IDataView? ValidationSet { get; init; }

    /// <inheritdoc cref="ImageData.Skipped"/>
    public ImmutableArray<SkippedFiles> Skipped { get; init; } = [];

    /// <inheritdoc cref="ImageData.BadImages"/>
    public ImmutableArray<BadImage> BadImages { get; init; } = [];

    /// <summary>The views of images in memory.</summary>
    internal static Cifar3DataViews Of(ImageData data) => new(data.Train.ToDataView(), data.Test.ToDataView(), data.ClassNames, data.Source, data.IsSynthetic)
    {
        ValidationSet = data.Validation?.ToDataView(),
        Skipped = data.Skipped,
        BadImages = data.BadImages,
    };

    /// <summary>The views of image files, which are read as they are asked for.</summary>
    internal static Cifar3DataViews Of(ImageFolders files) =>
        new(new ImageRowsDataView(files.Train), new ImageRowsDataView(files.Test), files.Train.ClassNames, files.Source + files.Skipped.ToSentence(), IsSynthetic: false)
        {
            ValidationSet = files.Validation is null ? null : new ImageRowsDataView(files.Validation),
            Skipped = files.Skipped.ToReport(),
            BadImages = files.Bad.Collected,
        };
}
