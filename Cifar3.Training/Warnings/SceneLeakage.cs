using System.Globalization;
using System.Numerics.Tensors;

namespace Cifar3.Training;

/// <summary>
/// Says before the training that the validation images show the training images' scenes once more, as frames of a video, shots of one thing and copies with small changes do when
/// they are set aside at random: how right a model is on them says nothing about other scenes.
/// </summary>
/// <remarks>
/// The fault is known as leakage between groups (scikit-learn's user guide, "Cross-validation iterators for grouped data"). An image is a near copy where another of its class is
/// at less than <see cref="NearCopy"/> of the distance that half of its class is at (Euclidean; 16×16 cells of three colours, each image's mean and contrast taken out, so that
/// light does not count). Of CIFAR's photographs 2 in 100 are. Pictures that are alike because the class is (drawings, one camera on one kind of part) are told from series by
/// their order: a series' pictures follow each other, in folders by their names. Where rows were shuffled, nothing is found.
/// </remarks>
internal static class SceneLeakage
{
    private const int Side = 16, Cell = CnnArchitecture.InputSize / Side, Channels = CnnArchitecture.InputChannels;
    private const double NearCopy = 0.3;

    /// <summary>So many images of a set are looked at, spread evenly: a share among them has a standard error of .035 at most.</summary>
    private const int MostProbes = 200;

    /// <summary>An image stands beside another where at most a twentieth of the class lies between them; two places away it always does.</summary>
    private const int Neighbourhood = 20;

    /// <summary>Fewer near copies than one in four, and most of the accuracy is measured on new scenes.</summary>
    private const double LeastShare = 0.25;

    /// <summary>How far, in standard errors of what chance puts there, the near copies beside their image must outnumber it.</summary>
    private const double StandardErrors = 4;

    /// <summary>The warning; null where there is none.</summary>
    public static string? Of(ImageSet train, ImageSet? validation)
    {
        if (validation is null)
        {
            return null;
        }

        var classes = Enumerable.Range(0, train.Count).GroupBy(i => train.Labels[i]).ToDictionary(images => images.Key, images => images.Select(i => new Member(i, Outline(train.Image(i)))).ToArray());
        int[] probes = Probes(validation);
        int copies = probes.Count(i => classes.TryGetValue(validation.Labels[i], out var mates) && NearCopyOf(Outline(validation.Image(i)), mates) >= 0);
        return copies < LeastShare * probes.Length || !AreSeries(train, classes) ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"{copies:N0} of {probes.Length:N0} validation images are nearly the same as a training image, and such images follow each other in the data, as frames of a video or shots of one thing do: the model knows their scenes, so how right it is on these images, and on test images set aside in the same way, says little about new ones. Set whole scenes aside: folders named validation and test, or a validation set of your own.");
    }

    /// <summary>Whether near copies stand beside each other: more than half of those that chance would put elsewhere.</summary>
    private static bool AreSeries(ImageSet train, Dictionary<int, Member[]> classes)
    {
        int copies = 0, beside = 0;
        double byChance = 0;
        foreach (int i in Probes(train))
        {
            var mates = classes[train.Labels[i]];
            int place = Array.FindIndex(mates, mate => mate.Index == i), copy = NearCopyOf(mates[place].Outline, mates, place);
            if (copy >= 0)
            {
                int width = Math.Max(2, mates.Length / Neighbourhood);
                copies++;
                beside += Math.Abs(copy - place) <= width ? 1 : 0;
                byChance += Math.Min(1, 2.0 * width / (mates.Length - 1));
            }
        }

        return beside > (copies + byChance) / 2 && beside - byChance > StandardErrors * Math.Sqrt(byChance);
    }

    /// <summary>The place among its class of what an image, at the place <paramref name="self"/> if it is one of them, is nearly the same as; −1 where there is none.</summary>
    private static int NearCopyOf(float[] image, Member[] mates, int self = -1)
    {
        float[] distances = [.. mates.Select((mate, place) => place == self ? float.PositiveInfinity : TensorPrimitives.Distance(image, mate.Outline))];
        int nearest = TensorPrimitives.IndexOfMin(distances);
        double near = distances[nearest] / NearCopy;
        return 2 * distances.Count(distance => distance > near && distance < float.PositiveInfinity) > mates.Length ? nearest : -1;
    }

    private static int[] Probes(ImageSet images)
    {
        int count = Math.Min(images.Count, MostProbes);
        return [.. Enumerable.Range(0, count).Select(i => (int)((long)i * images.Count / count))];
    }

    /// <summary>[32, 32, 3] to [16, 16, 3]: sums of 2×2 pixels, less their mean and divided by their standard deviation.</summary>
    private static float[] Outline(ReadOnlySpan<byte> rgb)
    {
        const int row = CnnArchitecture.InputSize * Channels;
        float[] cells = new float[Side * Side * Channels];
        for (int i = 0; i < cells.Length; i++)
        {
            int corner = i / (Side * Channels) * Cell * row + i / Channels % Side * Cell * Channels + i % Channels;
            cells[i] = rgb[corner] + rgb[corner + Channels] + rgb[corner + row] + rgb[corner + row + Channels];
        }

        TensorPrimitives.Subtract(cells, TensorPrimitives.Average<float>(cells), cells);
        TensorPrimitives.Divide(cells, TensorPrimitives.Norm<float>(cells) / MathF.Sqrt(cells.Length) + 1, cells); // an image of one colour has no deviation
        return cells;
    }

    /// <summary>A training image, and what it looks like.</summary>
    private readonly record struct Member(int Index, float[] Outline);
}
