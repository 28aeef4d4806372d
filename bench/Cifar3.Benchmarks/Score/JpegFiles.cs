using System.Diagnostics;
using SkiaSharp;

namespace Cifar3.Benchmarks;

/// <summary>The test images as JPEG files of 32×32 pixels, as CIFAR sets are often kept.</summary>
internal sealed class JpegFiles : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("cifar3-jpeg-").FullName;

    public JpegFiles(ImageSet images)
    {
        Paths = [.. Enumerable.Range(0, images.Count).Select(i => Path.Combine(folder, $"{i:D5}.jpg"))];
        using var bitmap = new SKBitmap(new SKImageInfo(CnnArchitecture.InputSize, CnnArchitecture.InputSize, SKColorType.Rgba8888, SKAlphaType.Opaque));
        for (int i = 0; i < images.Count; i++)
        {
            var pixels = images.Image(i);
            for (int p = 0; p < pixels.Length / 3; p++)
            {
                bitmap.SetPixel(p % CnnArchitecture.InputSize, p / CnnArchitecture.InputSize, new SKColor(pixels[3 * p], pixels[3 * p + 1], pixels[3 * p + 2]));
            }

            using var encoded = bitmap.Encode(SKEncodedImageFormat.Jpeg, 95);
            File.WriteAllBytes(Paths[i], encoded.ToArray());
        }
    }

    public IReadOnlyList<string> Paths { get; }

    /// <summary>Files a second, from paths to labels.</summary>
    public double Rate(Cifar3Classifier classifier)
    {
        long start = Stopwatch.GetTimestamp();
        int count = classifier.PredictMany(Paths).Count(prediction => prediction.Label.Length > 0);
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
