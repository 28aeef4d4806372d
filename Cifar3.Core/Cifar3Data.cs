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
    /// Loads training and test images.
    /// </summary>
    /// <param name="path">An archive or a folder.</param>
    /// <param name="options">Classes, progress, cancellation.</param>
    /// <returns>The images.</returns>
    /// <exception cref="Cifar3DataException">The data cannot be had, is damaged, or is not what it should be.</exception>
    /// <exception cref="Cifar3ImageException">An image file is damaged.</exception>
    /// <exception cref="OperationCanceledException">The cancellation token of the options was triggered.</exception>
    public static ImageData Load(string? path = null, DataOptions? options = null) =>
        TryLoad(path, options, out var data, out string? reason) ? data : throw new Cifar3DataException(reason);

    /// <summary>Like <see cref="Load"/>, but tells apart data that cannot be had.</summary>
    public static bool TryLoad(string? path, DataOptions? options, [NotNullWhen(true)] out ImageData? data, [NotNullWhen(false)] out string? reason)
    {
        options ??= new DataOptions();
        path ??= Environment.GetEnvironmentVariable(PathVariable) is { Length: > 0 } named ? named : null;
        data = path is null ? null : DataLocator.Read(path, options);
        reason = data is null ? "No images." : null;
        return data is not null;
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
