namespace Cifar3;

/// <summary>How <see cref="Cifar3Data"/> finds and reads images.</summary>
public sealed record DataOptions
{
    /// <summary>
    /// The classes to load; their order gives the labels, and they keep the names written here. CIFAR-10's classes are found under any of
    /// their usual names (airplane, aeroplane, plane; automobile, car), others by their name in any Unicode form. Default: null = <see cref="Cifar3Data.DefaultClasses"/> of a
    /// CIFAR-10 archive; all classes of image folders, in ordinal order.
    /// </summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>
    /// For image folders without a <c>test</c> folder: the share of each class, above 0 and below 1, that becomes test images,
    /// drawn with <see cref="Seed"/>; copies of a file, links to it among them, stay with it. Not used where there is a <c>test</c> folder; null = a <c>val</c> folder is the test set, and where there is none either, 0.2. Default: null.
    /// </summary>
    public double? TestFraction { get; init; }

    /// <summary>The seed of the split into training and test images, which does not depend on the order of <see cref="Classes"/> nor on which are chosen. Default: 0.</summary>
    public int Seed { get; init; }

    /// <summary>
    /// What happens to pictures in image folders that cannot be decoded, and to folders below a class that cannot be listed: end loading, be left out (counted in <see cref="ImageData.Skipped"/>), or be left out and listed in
    /// <see cref="ImageData.BadImages"/>. Files that are no pictures by their names are left out in any case. Default: <see cref="OnBadImage.Throw"/>.
    /// </summary>
    public OnBadImage OnBadImage
    {
        get;
        init => field = Defined.Value(value, "There is no such way with bad pictures.", nameof(OnBadImage));
    }

    /// <summary>Whether the published archive (170 MB) may be downloaded when the images are found nowhere else. Default: true.</summary>
    public bool AllowDownload { get; init; } = true;

    /// <summary>Number of threads that decode image files, 1 to 1,024; 0 = one for each processor. Default: 0.</summary>
    public int Threads
    {
        get;
        init => field = value is >= 0 and <= WorkerPool.MaxThreads ? value
            : throw new ArgumentOutOfRangeException(nameof(Threads), value, FormattableString.Invariant($"The number of threads must be 1 to {WorkerPool.MaxThreads:N0}, or 0 (one for each processor). Received: Threads={value}."));
    }

    /// <summary>Receives progress, at most a hundred times for each stage, from any thread. Default: null.</summary>
    public IProgress<DataProgress>? Progress { get; init; }

    /// <summary>Ends loading early with <see cref="OperationCanceledException"/>. Default: none.</summary>
    public CancellationToken CancellationToken { get; init; }
}

/// <summary>How far loading has come.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Done">Bytes (<see cref="DataStage.Downloading"/>) or images or batch files (<see cref="DataStage.Reading"/>) done.</param>
/// <param name="Total">How many there are in all.</param>
public readonly record struct DataProgress(DataStage Stage, long Done, long Total);

/// <summary>The stages of loading.</summary>
public enum DataStage
{
    /// <summary>The published archive is being downloaded; counted in bytes.</summary>
    Downloading,

    /// <summary>Images are being read and decoded; counted in image files, or in CIFAR-10's six batch files.</summary>
    Reading,
}
