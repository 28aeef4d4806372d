using Cifar3;

namespace Microsoft.ML;

/// <summary>Adds this library's data sources to <c>mlContext.Data</c>.</summary>
public static class Cifar3DataCatalog
{
    /// <summary>
    /// Loads training and test images: from the path given, else from where <see cref="Cifar3Data.Load"/> looks (<c>CIFAR3_DATA</c>, caches, download).
    /// Image folders are streamed: a file is read when its row is, so they may be larger than memory. CIFAR-10's archives are read into memory (at most 184 MB).
    /// </summary>
    /// <param name="catalog">The data catalog.</param>
    /// <param name="path">CIFAR-10's archive or unpacked folder, or image folders; see <see cref="Cifar3Data.Load"/>. Default: null = search.</param>
    /// <param name="options">Classes, split, progress, cancellation. Default: null = all defaults.</param>
    /// <returns>Two views, their classes, and where they come from.</returns>
    /// <exception cref="Cifar3DataException">The data cannot be had, is damaged, or is not what it should be.</exception>
    /// <exception cref="OperationCanceledException">The cancellation token of the options was triggered.</exception>
    /// <example><code>
    /// var data = mlContext.Data.LoadCifar3();
    /// var model = mlContext.MulticlassClassification.Trainers.Cifar3Cnn(featureColumnName: "Image").Fit(data.TrainSet);
    /// </code></example>
    public static Cifar3DataViews LoadCifar3(this DataOperationsCatalog catalog, string? path = null, DataOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        string? named = path ?? (Environment.GetEnvironmentVariable(Cifar3Data.PathVariable) is { Length: > 0 } variable ? variable : null);
        return named is not null && DataLocator.IsImageFolder(named) ? Cifar3DataViews.Of(DataLocator.List(named, options ?? new DataOptions(), discovered: path is null)) : Cifar3DataViews.Of(Cifar3Data.Load(path, options));
    }

    /// <summary>
    /// Streams image folders <c>train/&lt;class&gt;/*</c> and <c>test/&lt;class&gt;/*</c>, or in another usual layout: only the list of files is held in memory, and for two minutes after their last use the 3 KB
    /// of pixels of up to 80,000 pictures that training read, so that the folds of <c>CrossValidate</c> decode no picture twice.
    /// </summary>
    /// <param name="catalog">The data catalog.</param>
    /// <param name="folder">The folder with <c>train</c> and <c>test</c>; see <see cref="Cifar3Data.Load"/>.</param>
    /// <param name="options">Classes, split, bad images. Default: null = all defaults.</param>
    /// <returns>
    /// Two views, their classes, and where they come from. A damaged file is an error of its row when the row is read; where <see cref="DataOptions.OnBadImage"/> says otherwise, all files
    /// are decoded once here and bad ones left out.
    /// </returns>
    /// <exception cref="Cifar3DataException">A folder is missing or empty, or the classes do not fit together.</exception>
    /// <exception cref="OperationCanceledException">The cancellation token of the options was triggered.</exception>
    public static Cifar3DataViews LoadCifar3FromFolder(this DataOperationsCatalog catalog, string folder, DataOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(folder);
        return Cifar3DataViews.Of(DataLocator.List(folder, options ?? new DataOptions()));
    }

    /// <summary>Loads CIFAR-10's published archive, <c>cifar-10-binary.tar.gz</c> or <c>cifar-10-python.tar.gz</c>, into memory without unpacking it to disk.</summary>
    /// <param name="catalog">The data catalog.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">Classes, progress, cancellation. Default: null = all defaults.</param>
    /// <returns>Two views, their classes, and where they come from.</returns>
    /// <exception cref="Cifar3DataException">The file is missing, damaged, or something else.</exception>
    /// <exception cref="OperationCanceledException">The cancellation token of the options was triggered.</exception>
    public static Cifar3DataViews LoadCifar3FromArchive(this DataOperationsCatalog catalog, string path, DataOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(path);
        return File.Exists(path)
            ? Cifar3DataViews.Of(Cifar3Data.Load(path, options))
            : throw new Cifar3DataException($"There is no file '{Shown.Path(path)}'. Expected CIFAR-10's cifar-10-binary.tar.gz or cifar-10-python.tar.gz. Check the path; for a folder of images call LoadCifar3FromFolder.");
    }

    /// <summary>Draws aeroplanes, cars and birds: a stand-in where no photographs can be had. See <see cref="Cifar3Data.Synthetic"/>.</summary>
    /// <param name="catalog">The data catalog.</param>
    /// <param name="trainCount">Number of training images, 3 to 600,000. Default: 6,000.</param>
    /// <param name="testCount">Number of test images, 3 to 600,000. Default: 1,500.</param>
    /// <param name="seed">The same seed gives the same pixels on every machine. Default: 0.</param>
    /// <returns>Two views, with <see cref="Cifar3DataViews.IsSynthetic"/> set.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count is outside its range.</exception>
    public static Cifar3DataViews LoadCifar3Synthetic(this DataOperationsCatalog catalog, int trainCount = 6000, int testCount = 1500, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return Cifar3DataViews.Of(Cifar3Data.Synthetic(trainCount, testCount, seed));
    }
}
