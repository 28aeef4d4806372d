using System.Collections.Immutable;
using Microsoft.ML;

namespace Cifar3;

/// <summary>
/// Labelled 32×32 colour images in one compact block of memory: uint8 pixels in NHWC order and one label an image.
/// Every data source ends here, and the trainer and the ML.NET data views start here.
/// </summary>
/// <remarks>Immutable and safe to share between threads.</remarks>
public sealed class ImageSet : IImageRows
{
    /// <summary>The column of <see cref="ToDataView"/> that has the pictures: <c>Image</c>.</summary>
    public const string ImageColumn = "Image";

    /// <summary>The column of <see cref="ToDataView"/> that has the pixels: <c>Pixels</c>.</summary>
    public const string PixelsColumn = "Pixels";

    /// <summary>The column of <see cref="ToDataView"/> that has the labels: <c>Label</c>.</summary>
    public const string LabelColumn = "Label";

    private readonly byte[] pixels;
    private readonly int[] labels;

    /// <summary>Creates a set that owns the given arrays.</summary>
    /// <param name="pixels">Pixels [N, 32, 32, 3] (NHWC, red, green, blue), N·3,072 bytes. The caller must not change the array afterwards.</param>
    /// <param name="labels">One label an image, 0 to <c>classNames.Count − 1</c>. The caller must not change the array afterwards.</param>
    /// <param name="classNames">The classes' names; the index is the label.</param>
    /// <exception cref="Cifar3DataException">The sizes do not fit together, a label is out of range, or two classes have the same name.</exception>
    public ImageSet(byte[] pixels, int[] labels, IEnumerable<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(classNames);
        ClassNames = [.. classNames];
        ClassList.CheckDistinct(ClassNames, "an image set");
        if ((long)labels.Length * CnnArchitecture.ImageBytes != pixels.LongLength)
        {
            throw new Cifar3DataException($"{labels.Length:N0} labels need {(long)labels.Length * CnnArchitecture.ImageBytes:N0} bytes of pixels (32x32x3 an image). Received: {pixels.LongLength:N0}.");
        }

        int bad = labels.AsSpan().IndexOfAnyExceptInRange(0, ClassNames.Length - 1);
        if (bad >= 0)
        {
            throw new Cifar3DataException($"Label {labels[bad]} of image {bad:N0} is out of range. Expected 0 to {ClassNames.Length - 1} ({Shown.Names(ClassNames)}).");
        }

        this.pixels = pixels;
        this.labels = labels;
    }

    /// <summary>Number of images.</summary>
    public int Count => labels.Length;

    /// <summary>Shape of the pixels: (N, 32, 32, 3).</summary>
    public (int Count, int Height, int Width, int Channels) Shape =>
        (Count, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels);

    /// <summary>The classes' names; the index is the label.</summary>
    public ImmutableArray<string> ClassNames { get; }

    /// <summary>What picture of its class each image is, by the name of its file (<see cref="NamedPictures"/>); null where the images are of no files.</summary>
    internal IReadOnlyList<UInt128>? Pictures { get; init; }

    /// <summary>All pixels [N, 32, 32, 3].</summary>
    public ReadOnlySpan<byte> Pixels => pixels;

    /// <summary>All labels [N].</summary>
    public ReadOnlySpan<int> Labels => labels;

    /// <summary>The pixels of one image [32, 32, 3].</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    /// <returns>3,072 bytes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    public ReadOnlySpan<byte> Image(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return pixels.AsSpan(index * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes);
    }

    /// <summary>The images at the given indices, in that order.</summary>
    /// <param name="indices">Each 0 to <see cref="Count"/> − 1; repeats are allowed.</param>
    /// <returns>A new set with the same class names.</returns>
    public ImageSet Select(ReadOnlySpan<int> indices)
    {
        var chosenPixels = new byte[checked(indices.Length * CnnArchitecture.ImageBytes)];
        var chosenLabels = new int[indices.Length];
        var chosenPictures = Pictures is null ? null : new UInt128[indices.Length];
        for (int i = 0; i < indices.Length; i++)
        {
            Image(indices[i]).CopyTo(chosenPixels.AsSpan(i * CnnArchitecture.ImageBytes));
            chosenLabels[i] = labels[indices[i]];
            chosenPictures?[i] = Pictures![indices[i]];
        }

        return new ImageSet(chosenPixels, chosenLabels, ClassNames) { Pictures = chosenPictures };
    }

    /// <summary>The first images.</summary>
    /// <param name="count">How many, at most <see cref="Count"/>.</param>
    /// <returns>A new set.</returns>
    public ImageSet Take(int count) => Select([.. Enumerable.Range(0, Math.Min(count, Count))]);

    /// <summary>The same images in random order.</summary>
    /// <param name="seed">The same seed gives the same order everywhere.</param>
    /// <returns>A new set.</returns>
    public ImageSet Shuffle(int seed) => Select(new PhiloxRandom(seed, RandomStreams.DataShuffle).Permutation(Count));

    /// <summary>Sets some images aside to choose a model by, so that the test images are looked at once, at the end. Each class gives the same share.</summary>
    /// <remarks>Stratified, as scikit-learn's <c>train_test_split(stratify=labels)</c>: a class of n images gives fraction·n, rounded, at least 1 and at most n − 1; a class of one image gives none.
    /// Images that are there several times, pixel for pixel, and those whose files show one picture by their names (in several folders of a class, changed copies such as <c>7_flip.jpg</c>) stay on one side (<c>GroupShuffleSplit</c>), so that a class of few and often repeated ones may give another number.</remarks>
    /// <param name="validationFraction">The share set aside, above 0 and below 1. Default: 0.1.</param>
    /// <param name="seed">Which images: the same seed sets the same ones aside everywhere, while the classes keep their order (each is drawn by its label). Default: 0.</param>
    /// <returns>The images to train on and those to validate on, each in this set's order.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is not above 0 and below 1.</exception>
    /// <example><code>
    /// var (train, validation) = data.Train.TrainValidationSplit(0.1, seed: 1);
    /// </code></example>
    public (ImageSet Train, ImageSet Validation) TrainValidationSplit(double validationFraction = 0.1, int seed = 0)
    {
        if (!(validationFraction > 0 && validationFraction < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(validationFraction), validationFraction, FormattableString.Invariant($"The share of validation images must be above 0 and below 1. Received: validationFraction={validationFraction}."));
        }

        bool[] aside = new bool[Count];
        foreach (var images in Enumerable.Range(0, Count).GroupBy(i => labels[i]))
        {
            int[] members = [.. images];
            UInt128[] pixelKeys = [.. members.Select(i => RepeatedImages.Key(Image(i)))];
            foreach (int chosen in SetAside.Draw(validationFraction, seed, images.Key, SetAside.Either(pixelKeys, Pictures is null ? null : [.. members.Select(i => Pictures[i])])))
            {
                aside[members[chosen]] = true;
            }
        }

        return (Select([.. Enumerable.Range(0, Count).Where(i => !aside[i])]), Select([.. Enumerable.Range(0, Count).Where(i => aside[i])]));
    }

    /// <summary>
    /// The set for ML.NET's transforms and trainers. Columns: <c>Image</c> (MLImage, 32×32), <c>Pixels</c> (vector of 3,072 Byte,
    /// 32×32×3; <c>Conversions.ConvertType</c> makes the Single that ML.NET's own trainers want) and <c>Label</c>
    /// (key whose key values are the class names).
    /// </summary>
    /// <returns>
    /// A view of known length that can be shuffled and read by several cursors at once. It holds no copy: rows are made as they are asked for.
    /// As with ML.NET's own image loader, an <c>Image</c> is disposed when its cursor's next one is fetched into the same variable; the last one is the reader's to dispose.
    /// </returns>
    /// <exception cref="Cifar3Exception">The program is compiled to native code (PublishAot), where ML.NET has no data views.</exception>
    public IDataView ToDataView() => new ImageRowsDataView(this);

    /// <summary>Reads the images and labels of a data view, such as an application's own pipeline, into memory.</summary>
    /// <param name="data">One row for each image.</param>
    /// <param name="imageColumnName">
    /// The images: MLImage of any size; encoded files (vector of Byte of unknown size); paths of files (Text); or pixels (vector of 3,072 Byte, or of Single holding 0 to 255),
    /// in the order height, width, channel unless the vector's dimensions are 3x32x32 or 1x3x32x32. Default: <c>Image</c>.
    /// </param>
    /// <param name="labelColumnName">The labels: a key whose key values are the class names, or Text. Default: <c>Label</c>.</param>
    /// <param name="classNames">
    /// The classes in the order of the labels wanted, such as those of the training set when a validation set is read. Default: null = the key
    /// values in their order, or the texts in ordinal order.
    /// </param>
    /// <param name="cancellationToken">Ends reading early.</param>
    /// <returns>The images in the order of the rows.</returns>
    /// <exception cref="Cifar3DataException">A column is missing or of another type, a row has no label or an unknown one, or there are fewer than 2 or more than 100 classes.</exception>
    /// <exception cref="Cifar3ImageException">An image is missing or cannot be decoded.</exception>
    /// <exception cref="OperationCanceledException">Reading was cancelled.</exception>
    public static ImageSet FromDataView(IDataView data, string imageColumnName = ImageColumn, string labelColumnName = LabelColumn, IReadOnlyList<string>? classNames = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return DataViewReader.Read(data, imageColumnName, labelColumnName, classNames, cancellationToken);
    }

    /// <inheritdoc/>
    bool IImageRows.HasPaths => false;

    /// <inheritdoc/>
    int IImageRows.Label(int index) => labels[index];

    /// <inheritdoc/>
    string IImageRows.Path(int index) => throw new NotSupportedException("These images are in memory.");

    /// <inheritdoc/>
    void IImageRows.Read(int index, Span<byte> rgb) => Image(index).CopyTo(rgb);

    /// <inheritdoc/>
    public override string ToString() => $"({Count}, 32, 32, 3) uint8, {ClassNames.Length} classes: {Shown.First(ClassNames, Shown.MaxItems)}";
}
