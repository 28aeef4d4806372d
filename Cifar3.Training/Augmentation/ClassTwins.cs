using System.Globalization;
using System.Numerics.Tensors;

namespace Cifar3.Training;

/// <summary>
/// Pairs of classes that an augmentation turns into each other, so that it would teach that they are the same: arrows to the left and to the right, or the letters b and d, which
/// <see cref="RandomFlip"/> mirrors; shades of a colour, which <see cref="ColorJitter"/> darkens and lightens.
/// </summary>
/// <remarks>
/// Of each image, and of its changed image, the nearest among the others is sought (Cover and Hart 1967, "Nearest neighbor pattern classification"; Euclidean distance of 8×8 cells).
/// Where the change leaves classes as they are, an image and its changed image have neighbours of the same class; where two classes are twins, an image of one has its neighbour
/// there and its changed image in the other, and the other way round. Pictures that all look one way (cars from the left) are no twins: what their mirror images resemble is chance,
/// not the other class. Nor are classes that nothing tells apart even as they are. Twins that other things hide, such as a small sign in a large scene, are not found. Of a large set two thousand images are looked at, which takes a tenth of a
/// second or two.
/// </remarks>
/// <param name="Augmentation">The augmentation's name.</param>
/// <param name="Likeness">What the classes have in common, as the end of a sentence about them.</param>
/// <param name="Pairs">The classes' names, by their labels' order.</param>
internal sealed record ClassTwins(string Augmentation, string Likeness, IReadOnlyList<(string First, string Second)> Pairs)
{
    private const int MostImages = 2000;
    private const int Side = 8, Cells = Side * Side, Cell = CnnArchitecture.InputSize / Side, Channels = CnnArchitecture.InputChannels;
    private const float MostLight = 127;

    /// <summary>
    /// How far, in standard errors, the changed images that look like the other class must outnumber those that keep theirs, in each of the two classes: by chance once in a
    /// hundred times, in both once in ten thousand.
    /// </summary>
    private const double StandardErrors = 2.33;

    /// <summary>The pairs in words, such as <c>the classes 'b' and 'd', 'p' and 'q'</c>.</summary>
    public string Classes
    {
        get
        {
            const int most = Shown.MaxItems / 2;
            string rest = Pairs.Count > most ? string.Create(CultureInfo.InvariantCulture, $" and {Pairs.Count - most:N0} more pairs") : "";
            return $"the classes {string.Join(", ", Pairs.Take(most).Select(pair => $"{Shown.Names([pair.First])} and {Shown.Names([pair.Second])}"))}{rest}";
        }
    }

    /// <summary>Those that some augmentations make, one of each; empty where there are none.</summary>
    public static IReadOnlyList<ClassTwins> Of(ImageSet images, IReadOnlyList<Augmentation> augmentations)
    {
        return [.. Made().Where(twins => twins.Pairs.Count > 0)];

        IEnumerable<ClassTwins> Made()
        {
            if (augmentations.Any(augmentation => augmentation is RandomFlip))
            {
                yield return new ClassTwins(nameof(RandomFlip), "look like each other's mirror images", Mirrored(images));
            }

            if (augmentations.OfType<ColorJitter>().MaxBy(jitter => jitter.Brightness) is { } most)
            {
                yield return new ClassTwins(nameof(ColorJitter), "look like each other in other light", Lit(images, most.Brightness));
            }
        }
    }

    /// <summary>Classes that are each other's mirror images, whatever their light and contrast, or by their colours, where brightness does not show it (red on blue, a yellow lamp among others).</summary>
    public static IReadOnlyList<(string First, string Second)> Mirrored(ImageSet images) =>
        [.. Of(images, Outline, outline => Mirror(outline, channels: 1)).Union(Of(images, Colours, colours => Mirror(colours, Channels))).OrderBy(pair => images.ClassNames.IndexOf(pair.First)).ThenBy(pair => images.ClassNames.IndexOf(pair.Second))];

    /// <summary>Classes that light alone tells apart, such a share more or less of it.</summary>
    public static IReadOnlyList<(string First, string Second)> Lit(ImageSet images, double share)
    {
        float less = (float)(1 - share), more = (float)(1 + share);
        return Of(images, Colours, colours => [.. colours.Select(value => MathF.Round(less * value))], colours => [.. colours.Select(value => Math.Min(MathF.Round(more * value), MostLight))]);
    }

    private static IReadOnlyList<(string First, string Second)> Of(ImageSet images, Func<ReadOnlySpan<byte>, float[]> look, params Func<float[], float[]>[] changes)
    {
        int[] sample = EvenSample.Of(images, MostImages);
        int count = sample.Length, classes = images.ClassNames.Length;
        int[] labels = [.. sample.Select(i => images.Labels[i])];
        float[][] looks = [.. sample.Select(i => look(images.Image(i)))];
        int[] own = [.. Enumerable.Range(0, count).Select(i => Nearest(looks[i], i))];
        int[,] unchanged = Neighbours(i => own[i]);
        int[][,] looksLike = [.. changes.Select(change => Neighbours(i => own[i] >= 0 && labels[own[i]] == labels[i] ? Nearest(change(looks[i]), i) : -1))]; // of recognised images

        return [.. from a in Enumerable.Range(0, classes) from b in Enumerable.Range(a + 1, classes - a - 1) where AreTwins(a, b) && AreTwins(b, a) select (images.ClassNames[a], images.ClassNames[b])];

        // How many images of a class have a neighbour of a class.
        int[,] Neighbours(Func<int, int> neighbour)
        {
            int[,] counts = new int[classes, classes];
            for (int i = 0; i < count; i++)
            {
                if (neighbour(i) is var j and >= 0)
                {
                    counts[labels[i], labels[j]]++;
                }
            }

            return counts;
        }

        // Sign tests: where nothing tells the classes apart, and where the change decides nothing, the two are equally many. Pictures that differ less among themselves than a change
        // moves them all get one neighbour, the darkest or the lightest of all, of whichever class it happens to be.
        bool AreTwins(int a, int b) => Outnumbers(unchanged[a, a], unchanged[a, b]) && looksLike.Any(counts => Outnumbers(counts[a, b], counts[a, a]));

        static bool Outnumbers(int more, int fewer) => more > 0 && more - fewer >= StandardErrors * Math.Sqrt(more + fewer);

        // Sums of squares are whole numbers below 2²⁴: exact in any order of summation. Of equals the first; −1 where there is no other.
        int Nearest(float[] image, int self)
        {
            int nearest = -1;
            float least = float.MaxValue;
            for (int j = 0; j < count; j++)
            {
                if (j != self && TensorPrimitives.Distance(image, looks[j]) is var distance && distance < least)
                {
                    (nearest, least) = (j, distance);
                }
            }

            return nearest;
        }
    }

    /// <summary>8×8 cells of so many numbers each, from right to left.</summary>
    private static float[] Mirror(float[] cells, int channels) => [.. cells.Chunk(channels).Chunk(Side).SelectMany(row => row.Reverse()).SelectMany(cell => cell)];

    /// <summary>[32, 32, 3] to the brightness of 8×8 cells, less its mean and in units of a fortieth of its standard deviation: whole numbers of at most 127.</summary>
    private static float[] Outline(ReadOnlySpan<byte> rgb)
    {
        long[] cells = [.. Sums(rgb).Chunk(Channels).Select(cell => cell.Sum())];
        long sum = cells.Sum(), squares = cells.Sum(cell => (Cells * cell - sum) * (Cells * cell - sum));
        double deviation = Math.Sqrt((double)squares / Cells) + 1; // an image of one colour has none
        return [.. cells.Select(cell => (float)Math.Round(Math.Clamp(40 * (Cells * cell - sum) / deviation, -127, 127)))];
    }

    /// <summary>[32, 32, 3] to the mean colours of 8×8 cells: whole numbers of 0 to 127.</summary>
    private static float[] Colours(ReadOnlySpan<byte> rgb) => [.. Sums(rgb).Select(cell => (float)Math.Round(cell / (2.0 * Cell * Cell)))];

    /// <summary>[32, 32, 3] to [8, 8, 3]: the sums of 4×4 pixels.</summary>
    private static long[] Sums(ReadOnlySpan<byte> rgb)
    {
        long[] cells = new long[Cells * Channels];
        for (int i = 0; i < rgb.Length; i++)
        {
            int pixel = i / Channels, row = pixel / CnnArchitecture.InputSize, column = pixel % CnnArchitecture.InputSize;
            cells[(row / Cell * Side + column / Cell) * Channels + i % Channels] += rgb[i];
        }

        return cells;
    }
}
