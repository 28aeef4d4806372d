using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Buffers and random values for kernel tests. Random values are the same in every run.</summary>
internal sealed unsafe class KernelTestData(int seed) : IDisposable
{
    private readonly PhiloxRandom random = new(seed, RandomStreams.Examples);

    public Arena Arena { get; } = new();

    /// <summary>Uniform in −1 to 1.</summary>
    public float Next() => 2 * random.NextSingle() - 1;

    /// <summary>Whole number from low to high, both included.</summary>
    public int Next(int low, int high) => low + random.Next(high - low + 1);

    public float* Floats(int count)
    {
        float* values = Arena.Floats("test", count);
        for (int i = 0; i < count; i++)
        {
            values[i] = Next();
        }

        return values;
    }

    /// <summary>A plane with random values inside its zero border.</summary>
    public Plane Plane(int images, int height, int width, int channels, int border)
    {
        var plane = new Plane(Arena, "test", images, height, width, channels, border);
        for (int image = 0; image < images; image++)
        {
            for (int row = 0; row < height; row++)
            {
                for (int i = 0; i < width * channels; i++)
                {
                    plane.At(image, row)[i] = Next();
                }
            }
        }

        return plane;
    }

    public void Dispose() => Arena.Dispose();
}

/// <summary>The three vector widths, for test fixtures; those that the processor lacks run in software, slowly and correctly.</summary>
internal static class Widths
{
    public static Type[] All => [typeof(V512), typeof(V256), typeof(V128)];
}
