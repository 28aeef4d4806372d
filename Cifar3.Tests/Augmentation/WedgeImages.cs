namespace Cifar3.Tests;

/// <summary>Drawn images of a wedge that points somewhere, on grounds of any colour, moved, larger and smaller, with noise: classes that only their direction or place tells apart.</summary>
internal static class WedgeImages
{
    private const int Size = CnnArchitecture.InputSize;

    /// <summary>Where the wedge points, x to the right and y down, and how far its middle lies from the picture's.</summary>
    public readonly record struct Look(int X, int Y, int Right = 0, int Down = 0);

    /// <summary>So many images of each class, one class after the other.</summary>
    public static ImageSet Create(int each, params (string Name, Look Look)[] classes)
    {
        var random = new PhiloxRandom(5, RandomStreams.Examples);
        byte[] pixels = new byte[classes.Length * each * CnnArchitecture.ImageBytes];
        int[] labels = [.. Enumerable.Range(0, classes.Length * each).Select(i => i / each)];
        for (int i = 0; i < labels.Length; i++)
        {
            Draw(pixels.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes), classes[labels[i]].Look, random);
        }

        return new ImageSet(pixels, labels, classes.Select(c => c.Name));
    }

    private static void Draw(Span<byte> rgb, Look look, PhiloxRandom random)
    {
        int middleX = Size / 2 + look.Right + random.Next(7) - 3, middleY = Size / 2 + look.Down + random.Next(7) - 3, half = 6 + random.Next(4);
        int[] ground = [random.Next(120), random.Next(120), random.Next(120)], colour = [.. ground.Select(value => value + 70 + random.Next(50))];
        for (int i = 0; i < rgb.Length; i++)
        {
            int x = i / 3 % Size - middleX, y = i / 3 / Size - middleY;
            int along = x * look.X + y * look.Y, across = Math.Abs(x * look.Y + y * look.X); // the tip is at along = half
            bool inside = along >= -half && along <= half && 2 * across <= half - along;
            rgb[i] = (byte)((inside ? colour : ground)[i % 3] + random.Next(12));
        }
    }
}
