using System.Reflection;

namespace Cifar3.Tests;

/// <summary>A program without SkiaSharp's native library.</summary>
public sealed class SkiaLibraryTests
{
    [Test]
    public void Load_PicturesWithoutTheNativeLibrary_NamesThePackage()
    {
        string root = TestFiles.NewFolder();
        foreach (string name in new[] { "a", "b" })
        {
            Directory.CreateDirectory($"{root}/{name}");
            File.WriteAllBytes($"{root}/{name}/1.png", TestImages.Encode(new byte[3 * 4 * 4], 4, 4, SkiaSharp.SKEncodedImageFormat.Png));
            File.WriteAllBytes($"{root}/{name}/2.png", TestImages.Encode(new byte[3 * 4 * 4], 4, 4, SkiaSharp.SKEncodedImageFormat.Png));
        }

        var load = new IsolatedLibraries("SkiaSharp", name => throw new DllNotFoundException($"Unable to load shared library '{name}'\n/app/libSkiaSharp.so: no such file")).Copy(typeof(Cifar3Data)).GetMethod(nameof(Cifar3Data.Load))!;
        var error = Assert.Throws<TargetInvocationException>(() => load.Invoke(null, [root, null]))!.InnerException!;

        Assert.That(error.GetType().Name, Is.EqualTo(nameof(Cifar3Exception)));
        Assert.That(error.Message, Does.StartWith("Cannot read pictures: SkiaSharp's native library 'libSkiaSharp' is missing. Expected the one of SkiaSharp 2.88").And.Contain("SkiaSharp.NativeAssets.").And.Contain("/app/libSkiaSharp.so: no such file"));
        Assert.That(error.Message, Does.Not.Contain("\n"));
    }

    private delegate object MakeImage(ReadOnlySpan<byte> rgb);

    /// <summary>The column Image of a data view.</summary>
    [Test]
    public void MakeMLImage_WithoutTheNativeLibrary_NamesThePackage()
    {
        var context = new IsolatedLibraries("SkiaSharp", name => throw new DllNotFoundException($"Unable to load shared library '{name}'"), user: "Microsoft.ML.ImageAnalytics");
        var make = context.Copy(typeof(MLImagePixels)).GetMethod(nameof(MLImagePixels.Create))!.CreateDelegate<MakeImage>();

        var error = Assert.Catch(() => make(new byte[CnnArchitecture.ImageBytes]));

        Assert.That(error!.GetType().Name, Is.EqualTo(nameof(Cifar3Exception)));
        Assert.That(error.Message, Does.StartWith("Cannot make an MLImage: SkiaSharp's native library 'libSkiaSharp' is missing.").And.Contain("SkiaSharp.NativeAssets."));
    }

    [Test]
    public void Draw_WithoutTheNativeLibrary_NamesThePackage()
    {
        var context = new IsolatedLibraries("SkiaSharp", name => throw new DllNotFoundException($"Unable to load shared library '{name}'\n/app/libSkiaSharp.so: no such file"));

        AssertNamed(context.Copy(typeof(Training.Picture)).GetConstructors().Single(), [32, 32]);
        AssertNamed(context.Copy(typeof(Training.PlotFont)).GetMethod(nameof(Training.PlotFont.For))!, ["car", 12f]);

        static void AssertNamed(MethodBase draw, object[] arguments)
        {
            var error = Assert.Throws<TargetInvocationException>(() => _ = draw is ConstructorInfo make ? make.Invoke(arguments) : draw.Invoke(null, arguments))!.InnerException!;
            Assert.That(error.GetType().Name, Is.EqualTo(nameof(Cifar3Exception)));
            Assert.That(error.Message, Does.StartWith("Cannot draw pictures: SkiaSharp's native library 'libSkiaSharp' is missing.").And.Contain("/app/libSkiaSharp.so: no such file"));
        }
    }
}
