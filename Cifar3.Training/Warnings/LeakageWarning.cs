using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>
/// Says before the training that the validation images are the training images once more, or show their scenes, as frames of a video, shots of one thing and copies with small changes
/// do when they are set aside at random: how right a model is on them says nothing about new images.
/// </summary>
/// <remarks>
/// The fault is known as leakage between groups (scikit-learn's user guide, "Cross-validation iterators for grouped data"). An image is a near copy where another of its class is
/// at less than <see cref="NearCopy"/> of the distance that half of its class is at (Euclidean; 16×16 cells of three colours, each image's mean and contrast taken out, so that
/// light does not count). Of CIFAR's photographs 2 in 100 are. Pictures that are alike because the class is (drawings, one camera on one kind of part) are told from series by
/// their order: a series' pictures follow each other, in folders by their names. Where rows were shuffled, nothing is found. Copies that were made of a picture are looked for in the same way
/// (<see cref="ChangedCopies"/>).
/// </remarks>
internal static class LeakageWarning
{
    private const double NearCopy = 0.3;

    /// <summary>So many images of a set are looked at, spread evenly: a share among them has a standard error of .035 at most.</summary>
    private const int MostProbes = 200;

    /// <summary>So many are laid over others, which takes milliseconds each: a standard error of .05.</summary>
    private const int MostLaid = 100;

    /// <summary>An image stands beside another where at most a twentieth of the class lies between them; two places away it always does.</summary>
    private const int Neighbourhood = 20;

    /// <summary>Fewer near copies than one in four, and most of the accuracy is measured on new scenes.</summary>
    private const double LeastShare = 0.25;

    /// <summary>How far, in standard errors of what chance puts there, the near copies beside their image must outnumber it.</summary>
    private const double StandardErrors = 4;

    /// <summary>Fewer images that are there again than one in twenty, and the accuracy is off by less than a twentieth of the errors.</summary>
    private const double LeastRepeated = 0.05;

    /// <summary>The warning; null where there is none.</summary>
    /// <exception cref="OperationCanceledException">The token was triggered: of many images this takes a while.</exception>
    public static string? Of(ImageSet train, ImageSet? validation, CancellationToken cancellation = default) =>
        validation is null or { Count: 0 } ? null : Repeated(train, validation) ?? Scenes(train, validation, cancellation) ?? Changed(train, validation, cancellation);

    private static string? Repeated(ImageSet train, ImageSet validation)
    {
        int repeated = RepeatedImages.Count(train, validation);
        return repeated < LeastRepeated * validation.Count ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"{repeated:N0} of the {validation.Count:N0} validation images {(repeated == 1 ? "is a training image" : "are training images")} too, pixel for pixel: how right the model is on these says nothing about new ones. Set images aside before rows are repeated (for rare classes ClassWeights needs no copies), and look for pictures that are there twice.");
    }

    private static string? Scenes(ImageSet train, ImageSet validation, CancellationToken cancellation) => Series(
        train,
        validation,
        images => Compare(images, train, cancellation),
        "are nearly the same as a training image, and such images follow each other in the data, as frames of a video or shots of one thing do: the model knows their scenes, so how right it is on these images, and on test images set aside in the same way, says little about new ones. Set whole scenes aside: folders named validation and test, or a validation set of your own.");

    private static string? Changed(ImageSet train, ImageSet validation, CancellationToken cancellation)
    {
        var copies = new ChangedCopies(train, cancellation);
        return Series(
            train,
            validation,
            images => copies.Find(images, EvenSample.Of(images, MostLaid), LeastShare),
            "look like a training image that was mirrored, turned or moved, and such images follow each other in the data, as copies do that were made to have more: the model knows their pictures, so how right it is on these images, and on test images set aside in the same way, says little about new ones. Leave the copies out (the training makes its own), or set pictures aside before others are copied: folders named validation and test.");
    }

    private static string? Series(ImageSet train, ImageSet validation, Func<ImageSet, BesideTrain[]> beside, string what)
    {
        var looked = beside(validation);
        int copies = looked.Count(image => image.Copy >= 0);
        return copies < LeastShare * looked.Length || !AreSeries(beside(train)) ? null : string.Create(CultureInfo.InvariantCulture, $"{copies:N0} of {looked.Length:N0} validation images {what}");
    }

    /// <summary>Whether training images' near copies stand beside them: more than half of those that chance would put elsewhere.</summary>
    private static bool AreSeries(BesideTrain[] images)
    {
        int copies = 0, beside = 0;
        double byChance = 0;
        foreach (var (copy, self, count) in images.Where(image => image.Copy >= 0))
        {
            int width = Math.Max(2, count / Neighbourhood);
            copies++;
            beside += Math.Abs(copy - self) <= width ? 1 : 0;
            byChance += Math.Min(1, 2.0 * width / (count - 1));
        }

        return beside > (copies + byChance) / 2 && beside - byChance > StandardErrors * Math.Sqrt(byChance);
    }

    /// <summary>Looks at some images of a set, each beside the training images of its class.</summary>
    private static BesideTrain[] Compare(ImageSet images, ImageSet train, CancellationToken cancellation)
    {
        int[] probes = EvenSample.Of(images, MostProbes);
        float[][] outlines = [.. probes.Select(i => ImageOutline.Of(images.Image(i)))];
        List<float>[] distances = [.. probes.Select(_ => new List<float>())];
        var ofClass = Enumerable.Range(0, probes.Length).ToLookup(probe => images.Labels[probes[probe]]);
        float[] outline = new float[ImageOutline.Cells];
        for (int i = 0; i < train.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            ImageOutline.Of(train.Image(i), outline);
            foreach (int probe in ofClass[train.Labels[i]])
            {
                distances[probe].Add(ReferenceEquals(images, train) && probes[probe] == i ? float.PositiveInfinity : TensorPrimitives.Distance(outline, outlines[probe]));
            }
        }

        return [.. distances.Select(Nearest)];

        static BesideTrain Nearest(List<float> distances)
        {
            var found = CollectionsMarshal.AsSpan(distances);
            int nearest = TensorPrimitives.IndexOfMin<float>(found), farther = 0;
            foreach (float distance in found)
            {
                farther += distance > found[nearest] / NearCopy && distance < float.PositiveInfinity ? 1 : 0;
            }

            return new BesideTrain(2 * farther > found.Length ? nearest : -1, distances.IndexOf(float.PositiveInfinity), found.Length);
        }
    }
}

/// <summary>An image beside the training images of its class, by their places in it.</summary>
/// <param name="Copy">What it is nearly the same as; −1 where there is none.</param>
/// <param name="Self">Itself; −1 where it is none of them.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct BesideTrain(int Copy, int Self, int Count);
