using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Cifar3;

/// <summary>Loads labelled images, from wherever they are, into memory.</summary>
/// <remarks>Thread-safe.</remarks>
/// <example><code>
/// ImageData data = Cifar3Data.Load();                  // the three CIFAR-10 classes, downloaded if need be
/// ImageData screws = Cifar3Data.Load("/data/screws");  // your own: train/screw/*, train/nut/*, test/screw/*, test/nut/*
/// </code></example>
public static class Cifar3Data
{
    /// <summary>The environment variable that names the data when no path is given: <c>CIFAR3_DATA</c>.</summary>
    public const string PathVariable = "CIFAR3_DATA";

    /// <summary>The three classes loaded from CIFAR-10 unless others are chosen: aeroplane, car, bird.</summary>
    public static ImmutableArray<string> DefaultClasses { get; } = [.. Cifar10Classes.Names.Take(3)];

    /// <summary>All ten classes of CIFAR-10, in its order, under this library's names.</summary>
    public static ImmutableArray<string> AllClasses => Cifar10Classes.Names;

    /// <summary>
    /// Loads training and test images: from the path given; else from the path that <c>CIFAR3_DATA</c> names; else CIFAR-10 from this
    /// library's cache, from Keras' or torchvision's; else it is downloaded into this library's cache
    /// (<c>$XDG_CACHE_HOME/cifar3</c>, <c>~/.cache/cifar3</c>, <c>~/Library/Caches/cifar3</c> or <c>%LocalAppData%\cifar3</c>).
    /// </summary>
    /// <param name="path">
    /// CIFAR-10's published archive (<c>cifar-10-binary.tar.gz</c> or <c>cifar-10-python.tar.gz</c>), its unpacked folder
    /// (<c>cifar-10-batches-bin</c>, <c>cifar-10-batches-py</c>), or image folders with
    /// 2 to 100 classes of JPEG, PNG, WEBP, BMP or GIF files of any size: resized to 32×32 (antialiased, aspect ratio not kept), turned
    /// upright by their EXIF data, transparent parts on white. Folders: <c>train/&lt;class&gt;/*</c> and <c>test/&lt;class&gt;/*</c>, if you like <c>val/&lt;class&gt;/*</c> (also training, testing,
    /// valid, validation, in any letter case); or one folder <c>&lt;class&gt;/*</c> for each class, of which 20 % are set aside for testing; or either one folder or more deeper, where no other folder lies beside it. Pictures may lie any number of
    /// folders below their class. Folder names are class names, never changed, and their ordinal order gives the labels, as in Keras' <c>image_dataset_from_directory</c>. What is left out is
    /// counted in <see cref="ImageData.Skipped"/>. Default: null = search as above.
    /// </param>
    /// <remarks>
    /// Without a path the caller asks for CIFAR-10: where <c>CIFAR3_DATA</c> names folders that have the names of its publication (airplane, automobile, bird, …; their alphabetical order is CIFAR-10's),
    /// the classes get this library's names (aeroplane, car, bird, …), and <see cref="ImageData.Source"/> says so. A model and data under either name meet by name:
    /// <see cref="ClassificationReport.Create"/>.
    /// </remarks>
    /// <param name="options">Classes, split, progress, cancellation. Default: null = all defaults.</param>
    /// <returns>The images. Those of folders come class by class; those of CIFAR-10 in the published order.</returns>
    /// <exception cref="Cifar3DataException">The data cannot be had, is damaged, or is not what it should be.</exception>
    /// <exception cref="Cifar3ImageException">An image file is damaged, or is no image.</exception>
    /// <exception cref="OperationCanceledException">The cancellation token of the options was triggered.</exception>
    public static ImageData Load(string? path = null, DataOptions? options = null) =>
        TryLoad(path, options, out var data, out string? reason) ? data : throw new Cifar3DataException(reason);

    /// <summary>
    /// As <see cref="Load"/>, but says false where no path is given, CIFAR3_DATA is not set, and CIFAR-10 is neither in a cache
    /// nor to be downloaded: a program may then go on with <see cref="Synthetic"/>. A path that is given but wrong is an error all the same.
    /// </summary>
    /// <param name="path">As for <see cref="Load"/>.</param>
    /// <param name="options">As for <see cref="Load"/>.</param>
    /// <param name="data">The images, when the answer is true.</param>
    /// <param name="reason">Every place tried and why it would not do, when the answer is false.</param>
    /// <returns>Whether there are images.</returns>
    /// <exception cref="Cifar3DataException">The path given, or the one that CIFAR3_DATA names, is missing or damaged.</exception>
    /// <exception cref="Cifar3ImageException">An image file is damaged, or is no image.</exception>
    /// <exception cref="OperationCanceledException">The cancellation token of the options was triggered.</exception>
    public static bool TryLoad(string? path, DataOptions? options, [NotNullWhen(true)] out ImageData? data, [NotNullWhen(false)] out string? reason)
    {
        options ??= new DataOptions();
        string notFound = "";
        data = path is null ? DataSearch.Default().Find(options, out notFound) : DataLocator.Read(path, options);
        reason = data is null ? notFound : null;
        return data is not null;
    }

    /// <summary>
    /// The pictures of a folder and of all folders below it, whatever they show: to be predicted. They are found as <see cref="Load"/> finds those of a class: by their names' endings,
    /// without what is hidden, each folder once however many links lead to it.
    /// </summary>
    /// <param name="path">The folder; anything else is the picture itself.</param>
    /// <param name="onUnreadable">Is told of each folder below that cannot be read, in a line that names it, and the others are listed all the same. Default: null, the first one ends the call.</param>
    /// <returns>The paths, beginning with the one given, in ordinal order.</returns>
    /// <exception cref="Cifar3DataException">The folder has no pictures, or cannot be read.</exception>
    /// <example><code>
    /// foreach (string file in Cifar3Data.ListPictures("holiday")) Console.WriteLine($"{classifier.Predict(file).Label} {file}");
    /// </code></example>
    public static IReadOnlyList<string> ListPictures(string path, Action<string>? onUnreadable = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return PictureList.At(path, onUnreadable, new SkipCounter());
    }

    /// <summary>
    /// Draws aeroplanes, cars and birds over varied backgrounds: a stand-in that learns and scores like photographs, for use where none can be had.
    /// </summary>
    /// <param name="trainCount">Number of training images, the three classes in turn; 3 to 600,000. Default: 6,000.</param>
    /// <param name="testCount">Number of test images, 3 to 600,000. Default: 1,500.</param>
    /// <param name="seed">The same seed gives the same pixels on every machine. Default: 0.</param>
    /// <returns>Images with <see cref="ImageData.IsSynthetic"/> set.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count is outside its range.</exception>
    public static ImageData Synthetic(int trainCount = 6000, int testCount = 1500, int seed = 0)
    {
        CheckCount(trainCount, nameof(trainCount));
        CheckCount(testCount, nameof(testCount));
        return new ImageData(
            SyntheticImages.Create(0, trainCount, seed),
            SyntheticImages.Create(SyntheticImages.FirstTestImage, testCount, seed),
            $"synthetic images (drawn, not photographed; seed {seed})",
            isSynthetic: true);

        static void CheckCount(int count, string name)
        {
            if (count is < 3 or > 600_000)
            {
                throw new ArgumentOutOfRangeException(name, count, $"The number of images must be 3 to 600,000. Received: {name}={count}.");
            }
        }
    }
}
