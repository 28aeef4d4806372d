using System.Globalization;
using SkiaSharp;

namespace Cifar3.Training;

/// <summary>Draws images side by side with captions: their class or, beside predictions, "true → predicted", green where right and red where wrong.</summary>
public static class ExampleGrid
{
    private const int Scale = 6, Side = Scale * CnnArchitecture.InputSize, Gap = 24, Caption = 60, Top = 72, Columns = 5;

    /// <summary>The most images a picture may show: 1,000.</summary>
    public const int MaxImages = 1000;

    /// <summary>Chooses images at random, each at most once.</summary>
    /// <param name="images">Where to choose from.</param>
    /// <param name="count">How many; at most all. Default: 10.</param>
    /// <param name="seed">The same seed chooses the same images. Default: 0.</param>
    /// <returns>A new set.</returns>
    public static ImageSet Choose(ImageSet images, int count = 10, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(images);
        return images.Select(new PhiloxRandom(seed, RandomStreams.Examples).Permutation(images.Count).AsSpan(0, Math.Clamp(count, 0, images.Count)));
    }

    /// <summary>Draws labelled images as a PNG file, five in a row.</summary>
    /// <param name="path">The file.</param>
    /// <param name="images">The images, 1 to 1,000.</param>
    /// <param name="title">The line above them.</param>
    /// <exception cref="ArgumentException">There are no images, or too many.</exception>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void Save(string path, ImageSet images, string title) => AtomicFile.Write(path, Draw(images, null, title));

    /// <summary>Draws labelled images, as <see cref="Save(string, ImageSet, string)"/> does into a file.</summary>
    /// <param name="images">The images, 1 to 1,000.</param>
    /// <param name="title">The line above them.</param>
    /// <returns>The content of a PNG file.</returns>
    /// <exception cref="ArgumentException">There are no images, or too many.</exception>
    public static byte[] ToPng(ImageSet images, string title) => Draw(images, null, title);

    /// <summary>Draws images with what a classifier says of them as a PNG file, five in a row.</summary>
    /// <param name="path">The file.</param>
    /// <param name="images">The images, 1 to 1,000.</param>
    /// <param name="predictions">One prediction an image, in the same order.</param>
    /// <param name="title">The line above them.</param>
    /// <exception cref="ArgumentException">There are no images, too many, or not as many predictions.</exception>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void Save(string path, ImageSet images, IReadOnlyList<Prediction> predictions, string title) =>
        AtomicFile.Write(path, ToPng(images, predictions, title));

    /// <summary>Draws images with what a classifier says of them, as <see cref="Save(string, ImageSet, IReadOnlyList{Prediction}, string)"/> does into a file.</summary>
    /// <param name="images">The images, 1 to 1,000.</param>
    /// <param name="predictions">One prediction an image, in the same order.</param>
    /// <param name="title">The line above them.</param>
    /// <returns>The content of a PNG file.</returns>
    /// <exception cref="ArgumentException">There are no images, too many, or not as many predictions.</exception>
    public static byte[] ToPng(ImageSet images, IReadOnlyList<Prediction> predictions, string title)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(predictions);
        if (predictions.Count != images.Count)
        {
            throw new ArgumentException($"Each image needs a prediction. Received: {images.Count:N0} images, {predictions.Count:N0} predictions.", nameof(predictions));
        }

        if (predictions.Contains(null!))
        {
            throw new ArgumentException("One of the predictions is null. Give one for each image.", nameof(predictions));
        }

        return Draw(images, predictions, title);
    }

    private static byte[] Draw(ImageSet images, IReadOnlyList<Prediction>? predictions, string title)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.Count is < 1 or > MaxImages)
        {
            throw new ArgumentException($"The grid shows 1 to {MaxImages:N0} images. Received: {images.Count:N0}.", nameof(images));
        }

        int rows = (images.Count + Columns - 1) / Columns, width = Gap + Columns * (Side + Gap);
        using var picture = new Picture(width, Top + rows * (Side + Caption));
        picture.Text(title, width / 2f, 44, 24, Picture.Ink, SKTextAlign.Center, width - 2 * Gap);
        for (int i = 0; i < images.Count; i++)
        {
            int x = Gap + i % Columns * (Side + Gap), y = Top + i / Columns * (Side + Caption);
            var place = SKRect.Create(x, y, Side, Side);
            picture.Image(images.Image(i), place);
            string name = images.ClassNames[images.Labels[i]];
            float middle = x + Side / 2f, baseline = y + Side + 22;
            if (predictions is null)
            {
                picture.Text(name, middle, baseline, 17, Picture.Ink, SKTextAlign.Center, Side + Gap / 2);
                continue;
            }

            var prediction = predictions[i];
            bool right = ClassList.Find(name, prediction.ClassNames) == prediction.LabelIndex; // as Evaluate matches them: Keras' automobile is this library's car
            var colour = right ? Picture.Right : Picture.Wrong;
            place.Inflate(2, 2);
            picture.Frame(place, colour, 4);
            picture.Text($"{name} → {prediction.Label}", middle, baseline, 17, colour, SKTextAlign.Center, Side + Gap / 2);
            picture.Text(string.Create(CultureInfo.InvariantCulture, $"{(right ? '✓' : '✗')} {100 * prediction.Confidence:F1} %"), middle, baseline + 20, 14, colour, SKTextAlign.Center);
        }

        return picture.ToPng();
    }
}
