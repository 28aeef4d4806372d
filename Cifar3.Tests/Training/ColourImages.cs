namespace Cifar3.Tests;

/// <summary>Images of noise around one colour a class: easy enough for <see cref="FakeEngine"/>.</summary>
internal static class ColourImages
{
    public static readonly string[] ClassNames = ["red", "green", "blue"];

    public static ImageSet Create(int count, int seed = 0)
    {
        var random = new PhiloxRandom(seed, RandomStreams.Examples);
        var pixels = new byte[count * CnnArchitecture.ImageBytes];
        var labels = new int[count];
        for (int i = 0; i < count; i++)
        {
            labels[i] = random.Next(3);
            int tint = random.Next(60) - 5; // a few tints are too weak to tell
            for (int j = 0; j < CnnArchitecture.ImageBytes; j++)
            {
                pixels[i * CnnArchitecture.ImageBytes + j] = (byte)(90 + (j * 7 % 31) + (j % 3 == labels[i] ? tint : 0));
            }
        }

        return new ImageSet(pixels, labels, ClassNames);
    }
}
