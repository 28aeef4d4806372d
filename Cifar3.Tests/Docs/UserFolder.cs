using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>
/// A user's folder: the current one until disposed, with a few drawn images of each class in <c>images</c>, where CIFAR3_DATA points.
/// So a page's code runs as it stands, and its epochs take seconds.
/// </summary>
internal sealed class UserFolder : IDisposable
{
    private readonly string folderBefore = Directory.GetCurrentDirectory();
    private readonly string? variableBefore = Environment.GetEnvironmentVariable(Cifar3Data.PathVariable);

    public UserFolder()
    {
        Folder = TestFiles.NewFolder();
        Images = Path.Combine(Folder, "images");
        WriteImages(Images, "airplane", "automobile", "bird");
        Directory.SetCurrentDirectory(Folder);
        Environment.SetEnvironmentVariable(Cifar3Data.PathVariable, Images);
    }

    public string Folder { get; }

    public string Images { get; }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(Cifar3Data.PathVariable, variableBefore);
        Directory.SetCurrentDirectory(folderBefore);
    }

    /// <summary>Pictures of 48×40 pixels, noise with one colour for each class: 12 in train/&lt;class&gt;, 4 in test/&lt;class&gt;.</summary>
    public static void WriteImages(string folder, params string[] classes)
    {
        var random = new Random(1);
        foreach (var (part, count) in new[] { ("train", 12), ("test", 4) })
        {
            for (int label = 0; label < classes.Length; label++)
            {
                Directory.CreateDirectory(Path.Combine(folder, part, classes[label]));
                for (int i = 0; i < count; i++)
                {
                    var pixels = new byte[48 * 40 * 3];
                    random.NextBytes(pixels);
                    for (int p = label; p < pixels.Length; p += 3)
                    {
                        pixels[p] = 255;
                    }

                    File.WriteAllBytes(Path.Combine(folder, part, classes[label], $"{i}.png"), TestImages.Encode(pixels, 48, 40, SKEncodedImageFormat.Png));
                }
            }
        }
    }
}
