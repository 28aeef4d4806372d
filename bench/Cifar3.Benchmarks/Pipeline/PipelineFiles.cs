using Microsoft.ML.Data;

namespace Cifar3.Benchmarks;

/// <summary>The image files that both pipelines read: the test images that <c>CIFAR3_DATA</c> names, else drawn ones as JPEG files in a folder of their own.</summary>
internal sealed class PipelineFiles : IDisposable
{
    private readonly string? folder;

    private PipelineFiles(IReadOnlyList<string> paths, string? folder) => (Paths, this.folder) = (paths, folder);

    public IReadOnlyList<string> Paths { get; }

    public static PipelineFiles Find()
    {
        string? test = Environment.GetEnvironmentVariable(Cifar3Data.PathVariable) is { Length: > 0 } root ? Path.Combine(root, "test") : null;
        if (Directory.Exists(test))
        {
            string[] paths = [.. Directory.EnumerateFiles(test, "*.jp*g", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
            if (paths.Length > 0)
            {
                Console.WriteLine($"Files: {paths.Length:N0} JPEG files below '{test}'");
                return new PipelineFiles(paths, null);
            }
        }

        string folder = Directory.CreateTempSubdirectory("cifar3-pipeline-").FullName;
        var images = Cifar3Data.Synthetic(BenchmarkImages.TestCount, 3).Train;
        var drawn = Enumerable.Range(0, images.Count).Select(i => Write(images.Image(i), Path.Combine(folder, $"{i:0000}.jpg"))).ToList();
        Console.WriteLine($"Files: {drawn.Count:N0} drawn JPEG files");
        return new PipelineFiles(drawn, folder);
    }

    public void Dispose()
    {
        if (folder is not null)
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Write(ReadOnlySpan<byte> rgb, string path)
    {
        const int Size = CnnArchitecture.InputSize;
        var pixels = new byte[Size * Size * 4];
        for (int from = 0, to = 0; from < rgb.Length; from += CnnArchitecture.InputChannels, to += 4)
        {
            (pixels[to], pixels[to + 1], pixels[to + 2], pixels[to + 3]) = (rgb[from], rgb[from + 1], rgb[from + 2], 255);
        }

        using var image = MLImage.CreateFromPixels(Size, Size, MLPixelFormat.Rgba32, pixels);
        image.Save(path);
        return path;
    }
}
