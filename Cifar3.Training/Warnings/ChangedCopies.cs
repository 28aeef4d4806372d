using System.Numerics.Tensors;

namespace Cifar3.Training;

/// <summary>
/// Images that are a training image of their class mirrored, turned, enlarged, reduced or moved a little, as programs make them of few pictures to have more (Keras' <c>ImageDataGenerator</c>
/// with <c>save_to_dir</c>, Augmentor, Roboflow).
/// </summary>
/// <remarks>
/// Such changes leave an image its colours: of the training images whose colours are the nearest by far, each is laid over the image in <see cref="Turns"/> and <see cref="Scales"/>, mirrored and not, at every
/// place up to <see cref="MostShift"/> cells away (normalized cross-correlation; 16×16 cells of three colours). A copy is left with less than a seventh of what other images of the class
/// keep. Of CIFAR's photographs 4 in 100 are copies by this; of changed copies that were made of them, more than half.
/// </remarks>
internal sealed class ChangedCopies
{
    private const int Side = ImageOutline.Side, Channels = ImageOutline.Channels, MostShift = 3, Wide = Side + 2 * MostShift;

    /// <summary>So many values of each colour, in their order, are an image's colours.</summary>
    private const int Quantiles = 16;

    /// <summary>Colours are alike at less than a quarter of the distance that half of the class is at.</summary>
    private const float LikeColours = 0.25f;

    /// <summary>So many training images are laid over an image, and so many others for what the class has in common.</summary>
    private const int Candidates = 5, Others = 8;

    /// <summary>What a copy is left with of the others' distance, 1 − correlation.</summary>
    private const float Left = 0.15f;

    /// <summary>The least part of an image that another must cover.</summary>
    private const float LeastCover = 0.55f;

    private static readonly double[] Turns = [-30, -20, -10, 0, 10, 20, 30], Scales = [0.8, 1, 1.25];

    private readonly ImageSet train;
    private readonly CancellationToken cancellation;
    private readonly int[][] ofClass;   // places in train
    private readonly float[][] colours; // of train's images

    /// <summary>Looks at the colours of the training images.</summary>
    /// <param name="train">The training images.</param>
    /// <param name="cancellation">Ends this and later looks.</param>
    public ChangedCopies(ImageSet train, CancellationToken cancellation)
    {
        (this.train, this.cancellation) = (train, cancellation);
        var places = Enumerable.Range(0, train.Count).ToLookup(i => train.Labels[i]);
        ofClass = [.. Enumerable.Range(0, train.ClassNames.Length).Select(label => places[label].ToArray())];
        float[] outline = new float[ImageOutline.Cells];
        colours = [.. Enumerable.Range(0, train.Count).Select(Look)];

        float[] Look(int i)
        {
            cancellation.ThrowIfCancellationRequested();
            return Colours(ImageOutline.Of(train.Image(i), outline));
        }
    }

    /// <summary>Which of some images are such copies.</summary>
    /// <param name="images">A set, which may be the training images.</param>
    /// <param name="probes">Places of the images looked at.</param>
    /// <param name="leastShare">Where the colours of fewer of them have a counterpart, none is laid over another.</param>
    public BesideTrain[] Find(ImageSet images, int[] probes, double leastShare)
    {
        int[] selves = [.. probes.Select(probe => ReferenceEquals(images, train) ? Array.IndexOf(Class(probe), probe) : -1)];
        int[][] candidates = [.. probes.Zip(selves, LikeColoured)];
        bool isWorthIt = candidates.Count(places => places.Length > 0) >= leastShare * probes.Length;
        return [.. probes.Select((probe, i) => new BesideTrain(isWorthIt && candidates[i].Length > 0 ? Copied(probe, selves[i], candidates[i]) : -1, selves[i], Class(probe).Length))];

        int[] Class(int probe) => ofClass[images.Labels[probe]];

        // Places in the class, the nearest first.
        int[] LikeColoured(int probe, int self)
        {
            cancellation.ThrowIfCancellationRequested();
            float[] own = Colours(ImageOutline.Of(images.Image(probe)));
            float[] distances = [.. Class(probe).Select((member, place) => place == self ? float.PositiveInfinity : TensorPrimitives.Distance<float>(own, colours[member]))];
            float limit = distances.Length == 0 ? 0 : LikeColours * distances.Order().ElementAt(distances.Length / 2);
            return [.. Enumerable.Range(0, distances.Length).Where(place => distances[place] < limit).OrderBy(place => distances[place]).Take(Candidates)];
        }

        int Copied(int probe, int self, int[] candidates)
        {
            cancellation.ThrowIfCancellationRequested();
            int[] members = Class(probe), others = [.. Enumerable.Range(0, Others).Select(i => (int)((i + .5) * members.Length / Others)).Except([self, .. candidates])];
            if (others.Length < Others / 2)
            {
                return -1; // a class of a few pictures
            }

            float[] image = ImageOutline.Of(images.Image(probe)), nearness = Nearness(image, Outlines(candidates));
            int best = TensorPrimitives.IndexOfMax<float>(nearness);
            if (1 - nearness[best] >= Left)
            {
                return -1; // whatever the others are: no nearness is below 0
            }

            float common = Nearness(image, Outlines(others)).Order().ElementAt(others.Length / 2);
            return 1 - nearness[best] < Left * (1 - common) ? candidates[best] : -1;

            float[][] Outlines(int[] places) => [.. places.Select(place => ImageOutline.Of(train.Image(members[place])))];
        }
    }

    /// <summary>Brightness and two differences of colours, each in its order: [3 × 16]. Mean and contrast are taken out of the outline.</summary>
    private static float[] Colours(float[] outline)
    {
        var colours = new float[Channels * Quantiles];
        float[] values = new float[Side * Side];
        for (int colour = 0; colour < Channels; colour++)
        {
            for (int i = 0; i < values.Length; i++)
            {
                float r = outline[i * Channels], g = outline[i * Channels + 1], b = outline[i * Channels + 2];
                values[i] = colour switch { 0 => (r + g + b) / MathF.Sqrt(3), 1 => (r - g) / MathF.Sqrt(2), _ => (2 * b - r - g) / MathF.Sqrt(6) };
            }

            Array.Sort(values);
            for (int i = 0; i < Quantiles; i++)
            {
                colours[colour * Quantiles + i] = values[(2 * i + 1) * values.Length / (2 * Quantiles)];
            }
        }

        return colours;
    }

    /// <summary>The greatest correlation of an image, however it is laid, with each of some others.</summary>
    private static float[] Nearness(float[] image, float[][] others)
    {
        var nearness = new float[others.Length];
        float[][] sums = [.. others.Select(other => OfCells(other, value => value))], squares = [.. others.Select(other => OfCells(other, value => value * value))];
        float[] wide = new float[Wide * Wide * Channels], cover = new float[Wide * Wide], laid = new float[image.Length], covered = new float[Side * Side];
        foreach (double turn in Turns)
        {
            foreach (double scale in Scales)
            {
                foreach (int mirror in new[] { 1, -1 })
                {
                    Lay(image, turn, scale, mirror, wide, cover);
                    for (int corner = 0; corner < (2 * MostShift + 1) * (2 * MostShift + 1); corner++)
                    {
                        int top = corner / (2 * MostShift + 1), left = corner % (2 * MostShift + 1);
                        for (int y = 0; y < Side; y++)
                        {
                            wide.AsSpan(((top + y) * Wide + left) * Channels, Side * Channels).CopyTo(laid.AsSpan(y * Side * Channels));
                            cover.AsSpan((top + y) * Wide + left, Side).CopyTo(covered.AsSpan(y * Side));
                        }

                        Compare(laid, covered, others, sums, squares, nearness);
                    }
                }
            }
        }

        return nearness;
    }

    /// <summary>The image turned, scaled and mirrored about its centre, with room on all sides; where it has no pixel, it and its cover are 0.</summary>
    private static void Lay(float[] image, double turn, double scale, int mirror, float[] wide, float[] cover)
    {
        const double centre = (Side - 1) / 2.0, wideCentre = (Wide - 1) / 2.0;
        double cos = Math.Cos(turn * Math.PI / 180) * scale, sin = Math.Sin(turn * Math.PI / 180) * scale;
        for (int i = 0; i < cover.Length; i++)
        {
            double dx = (i % Wide - wideCentre) * mirror, dy = i / Wide - wideCentre, x = cos * dx - sin * dy + centre, y = sin * dx + cos * dy + centre;
            var cell = wide.AsSpan(i * Channels, Channels);
            if (x < 0 || y < 0 || x > Side - 1 || y > Side - 1)
            {
                cover[i] = 0;
                cell.Clear();
                continue;
            }

            int x0 = Math.Min((int)x, Side - 2), y0 = Math.Min((int)y, Side - 2), at = (y0 * Side + x0) * Channels;
            float right = (float)(x - x0), down = (float)(y - y0);
            cover[i] = 1;
            for (int c = 0; c < Channels; c++)
            {
                float above = image[at + c] + right * (image[at + Channels + c] - image[at + c]), below = image[at + Side * Channels + c] + right * (image[at + (Side + 1) * Channels + c] - image[at + Side * Channels + c]);
                cell[c] = above + down * (below - above);
            }
        }
    }

    /// <summary>Takes the correlations of an image, as it is laid, with the others where they are greater.</summary>
    private static void Compare(float[] laid, float[] covered, float[][] others, float[][] sums, float[][] squares, float[] nearness)
    {
        float cells = TensorPrimitives.Sum<float>(covered), values = cells * Channels;
        if (cells < LeastCover * covered.Length)
        {
            return;
        }

        float mean = TensorPrimitives.Sum<float>(laid) / values, own = TensorPrimitives.SumOfSquares<float>(laid) - mean * mean * values; // laid is 0 where nothing is
        for (int i = 0; i < others.Length; i++)
        {
            float sum = TensorPrimitives.Dot<float>(covered, sums[i]), other = TensorPrimitives.Dot<float>(covered, squares[i]) - sum * sum / values;
            float common = TensorPrimitives.Dot<float>(laid, others[i]) - mean * sum;
            nearness[i] = Math.Max(nearness[i], common / MathF.Sqrt(Math.Max(own, 1) * Math.Max(other, 1)));
        }
    }

    private static float[] OfCells(float[] outline, Func<float, float> value) => [.. Enumerable.Range(0, Side * Side).Select(cell => value(outline[cell * Channels]) + value(outline[cell * Channels + 1]) + value(outline[cell * Channels + 2]))];
}
