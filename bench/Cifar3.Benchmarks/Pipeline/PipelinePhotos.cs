using Microsoft.ML.Data;

namespace Cifar3.Benchmarks;

/// <summary>Photos of 12 megapixels as cameras make them, drawn: waves with noise, as JPEG files of some megabytes in a folder of their own.</summary>
internal sealed class PipelinePhotos : IDisposable
{
    private const int Count = 24, Width = 4000, Height = 3000, Noise = 12;

    private readonly string folder = Directory.CreateTempSubdirectory("cifar3-photos-").FullName;

    public PipelinePhotos()
    {
        byte[] pixels = new byte[Width * Height * 4];
        Paths = [.. Enumerable.Range(0, Count).Select(i => Draw(i, pixels))];
        Console.WriteLine($"Photos: {Count} drawn JPEG files of {Width} × {Height}, {Paths.Average(path => new FileInfo(path).Length) / 1e6:0.0} MB each");
    }

    public IReadOnlyList<string> Paths { get; }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string Draw(int number, byte[] pixels)
    {
        byte[] noise = new byte[1 << 16];
        new Random(number).NextBytes(noise);
        double[] across = [.. Enumerable.Range(0, Width).Select(x => 128 + 100 * Math.Sin(x / 300.0 + number))], down = [.. Enumerable.Range(0, Height).Select(y => 128 + 90 * Math.Sin(y / 200.0 + number))];
        for (int y = 0, at = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++, at += 4)
            {
                int grain = noise[(x * 7919 + y * 104729) & 0xFFFF] % (2 * Noise + 1) - Noise;
                pixels[at] = Byte(across[x] + grain);
                pixels[at + 1] = Byte(down[y] + grain);
                pixels[at + 2] = Byte((x + y) / 30.0 + grain);
                pixels[at + 3] = 255;
            }
        }

        string path = Path.Combine(folder, $"{number:00}.jpg");
        using var image = MLImage.CreateFromPixels(Width, Height, MLPixelFormat.Rgba32, pixels);
        image.Save(path);
        return path;

        static byte Byte(double value) => (byte)Math.Clamp(value, 0, 255);
    }
}
