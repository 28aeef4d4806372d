using System.Globalization;
using System.Numerics.Tensors;

namespace Cifar3.Training;

/// <summary>
/// Finds pairs of classes that are each other's mirror images, such as arrows to the left and to the right, or the letters b and d:
/// <see cref="RandomFlip"/> would teach that the two are the same.
/// </summary>
/// <remarks>
/// Of each image, and of its mirror image, the nearest among the others is sought (Cover and Hart 1967, "Nearest neighbor pattern classification"; Euclidean distance of
/// the brightness of 8×8 cells, each image's mean and contrast taken out). Where mirroring leaves classes as they are, an image and its mirror image have neighbours of
/// the same class; where two classes are twins, an image of one has its neighbour there and its mirror image in the other, and the other way round. Pictures that all
/// look one way (cars from the left) are no twins: what their mirror images resemble is chance, not the other class. Twins that other things hide, such as a small sign
/// in a large scene, are not found. Of a large set two thousand images are looked at, which takes about a tenth of a second.
/// </remarks>
internal static class MirrorTwins
{
    private const int MostImages = 2000;
    private const int Side = 8, Cells = Side * Side, Cell = CnnArchitecture.InputSize / Side;

    /// <summary>
    /// How far, in standard errors, the mirror images that look like the other class must outnumber those that keep theirs, in each of the two classes: by chance once in a
    /// hundred times, in both once in ten thousand.
    /// </summary>
    private const double StandardErrors = 2.33;

    /// <summary>The pairs, by their labels' order.</summary>
    public static IReadOnlyList<(string First, string Second)> Of(ImageSet images)
    {
        int count = Math.Min(images.Count, MostImages), classes = images.ClassNames.Length;
        int[] labels = [.. Enumerable.Range(0, count).Select(i => images.Labels[Sampled(i)])];
        var (upright, mirrored) = Neighbours([.. Enumerable.Range(0, count).Select(i => Outline(images.Image(Sampled(i))))]);

        int[,] looksLike = new int[classes, classes]; // mirror images of recognised images: of a class, like a class
        for (int i = 0; i < count; i++)
        {
            if (upright[i] >= 0 && labels[upright[i]] == labels[i])
            {
                looksLike[labels[i], labels[mirrored[i]]]++;
            }
        }

        return [.. from a in Enumerable.Range(0, classes) from b in Enumerable.Range(a + 1, classes - a - 1) where Becomes(a, b) && Becomes(b, a) select (images.ClassNames[a], images.ClassNames[b])];

        int Sampled(int i) => (int)((long)i * images.Count / count); // spread evenly: sets are ordered by class, or in no order

        bool Becomes(int a, int b)
        {
            int other = looksLike[a, b], same = looksLike[a, a];
            return other > 0 && other - same >= StandardErrors * Math.Sqrt(other + same); // a sign test: where mirroring decides nothing, the two are equally many
        }
    }

    /// <summary>The pairs in words, such as <c>the classes 'b' and 'd', 'p' and 'q'</c>.</summary>
    public static string Describe(IReadOnlyList<(string First, string Second)> twins)
    {
        const int most = Shown.MaxItems / 2;
        string rest = twins.Count > most ? string.Create(CultureInfo.InvariantCulture, $" and {twins.Count - most:N0} more pairs") : "";
        return $"the classes {string.Join(", ", twins.Take(most).Select(pair => $"{Shown.Names([pair.First])} and {Shown.Names([pair.Second])}"))}{rest}";
    }

    /// <summary>Of each image, and of its mirror image, the nearest of the other images; −1 where there is no other. Of equals the first.</summary>
    private static (int[] Upright, int[] Mirrored) Neighbours(float[][] images)
    {
        float[][] mirrors = [.. images.Select(Mirrored)];
        int[] upright = new int[images.Length], mirrored = new int[images.Length];
        float[] uprightLeast = new float[images.Length], mirroredLeast = new float[images.Length];
        Array.Fill(upright, -1);
        Array.Fill(uprightLeast, float.MaxValue);
        Array.Fill(mirroredLeast, float.MaxValue);
        for (int i = 0; i < images.Length; i++)
        {
            for (int j = i + 1; j < images.Length; j++)
            {
                // Sums of squares are whole numbers below 2²⁴: exact in any order of summation. i's mirror image is as far from j as j's is from i.
                float distance = TensorPrimitives.Distance(images[i], images[j]), acrossMirror = TensorPrimitives.Distance(mirrors[i], images[j]);
                Take(upright, uprightLeast, distance);
                Take(mirrored, mirroredLeast, acrossMirror);

                void Take(int[] nearest, float[] least, float found)
                {
                    if (found < least[i])
                    {
                        (nearest[i], least[i]) = (j, found);
                    }

                    if (found < least[j])
                    {
                        (nearest[j], least[j]) = (i, found);
                    }
                }
            }
        }

        return (upright, mirrored);
    }

    /// <summary>[32, 32, 3] to the brightness of 8×8 cells, less its mean and in units of a fortieth of its standard deviation: whole numbers of at most 127.</summary>
    private static float[] Outline(ReadOnlySpan<byte> rgb)
    {
        long[] cells = new long[Cells];
        for (int i = 0; i < rgb.Length; i++)
        {
            int pixel = i / CnnArchitecture.InputChannels, row = pixel / CnnArchitecture.InputSize, column = pixel % CnnArchitecture.InputSize;
            cells[row / Cell * Side + column / Cell] += rgb[i];
        }

        long sum = cells.Sum(), squares = cells.Sum(cell => (Cells * cell - sum) * (Cells * cell - sum));
        double deviation = Math.Sqrt((double)squares / Cells) + 1; // an image of one colour has none
        return [.. cells.Select(cell => (float)Math.Round(Math.Clamp(40 * (Cells * cell - sum) / deviation, -127, 127)))];
    }

    private static float[] Mirrored(float[] outline) => [.. Enumerable.Range(0, Cells).Select(i => outline[i / Side * Side + Side - 1 - i % Side])];
}
