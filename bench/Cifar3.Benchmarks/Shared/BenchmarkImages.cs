namespace Cifar3.Benchmarks;

/// <summary>The images that all contenders work on: real ones where <c>CIFAR3_DATA</c> names them, else the synthetic set in the same number.</summary>
internal static class BenchmarkImages
{
    public const int TrainCount = 15_000, TestCount = 3_000;

    public static ImageData Load()
    {
        var data = Environment.GetEnvironmentVariable(Cifar3Data.PathVariable) is { Length: > 0 } ? Cifar3Data.Load() : Cifar3Data.Synthetic(TrainCount, TestCount);
        Console.WriteLine($"Images: {data}");
        return data;
    }

    /// <summary>Writes a set for another process: a shuffled order, pixels [N, 32, 32, 3] uint8, then labels [N] as uint8.</summary>
    /// <param name="images">The set.</param>
    /// <param name="path">The file to write.</param>
    public static void Write(ImageSet images, string path)
    {
        using var file = File.Create(path);
        int[] order = [.. Enumerable.Range(0, images.Count)];
        new Random(1).Shuffle(order); // folders come class by class
        var shuffled = images.Select(order);
        file.Write(shuffled.Pixels);
        file.Write(shuffled.Labels.ToArray().Select(label => (byte)label).ToArray());
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static ImageSet Read(string path, IEnumerable<string> classNames)
    {
        using var file = File.OpenRead(path);
        int count = (int)(file.Length / (CnnArchitecture.ImageBytes + 1));
        byte[] pixels = new byte[count * CnnArchitecture.ImageBytes], labels = new byte[count];
        file.ReadExactly(pixels);
        file.ReadExactly(labels);
        return new ImageSet(pixels, [.. labels.Select(label => (int)label)], classNames);
    }
}
