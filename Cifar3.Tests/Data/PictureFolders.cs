using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>Folders of small pictures, made in code: picture i of a folder has the red value i.</summary>
internal static class PictureFolders
{
    /// <summary>A new root with pictures: <c>("train/cat", 3)</c> writes 3 into that folder.</summary>
    public static string Write(params (string Folder, int Count)[] folders)
    {
        string root = TestFiles.NewFolder();
        foreach (var (folder, count) in folders)
        {
            Add(Path.Combine(root, folder), count);
        }

        return root;
    }

    /// <summary>Writes pictures into a folder.</summary>
    public static void Add(string folder, int count, int from = 0)
    {
        Directory.CreateDirectory(folder);
        for (int i = from; i < from + count; i++)
        {
            File.WriteAllBytes(Path.Combine(folder, $"{i:0000}.png"), Picture((byte)i));
        }
    }

    /// <summary>Writes pictures of noise into a folder: nothing tells its class.</summary>
    public static void AddNoise(string folder, int count)
    {
        Directory.CreateDirectory(folder);
        foreach (var (i, pixels) in EngineTestData.RandomImages(count, seed: count).Chunk(CnnArchitecture.ImageBytes).Index())
        {
            File.WriteAllBytes(Path.Combine(folder, $"{i:0000}.png"), TestImages.Encode(pixels, 32, 32, SKEncodedImageFormat.Png));
        }
    }

    /// <summary>Sets the permissions of a folder, where there are Unix'.</summary>
    public static void SetMode(string folder, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder, mode);
        }
    }

    /// <summary>A PNG file of 32×32 pixels of one value.</summary>
    public static byte[] Picture(byte value)
    {
        var rgb = new byte[CnnArchitecture.ImageBytes];
        Array.Fill(rgb, value);
        return TestImages.Encode(rgb, 32, 32, SKEncodedImageFormat.Png);
    }

    /// <summary>How many images each class has, such as <c>cat 3, dog 2</c>.</summary>
    public static string Counts(ImageSet set) => string.Join(", ", set.ClassNames.Select((name, label) => $"{name} {set.Labels.ToArray().Count(l => l == label)}"));
}
