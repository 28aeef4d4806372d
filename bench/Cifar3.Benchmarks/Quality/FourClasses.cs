namespace Cifar3.Benchmarks;

/// <summary>
/// A small set of one's own from folders of two kinds: aeroplane, car and bird from the JPEG folders, and mammals (cat, deer, dog, horse) from a CIFAR-10
/// archive, <see cref="Each"/> training images of each and as many test images of each as there are mammals left.
/// </summary>
/// <remarks>The archive's pixels never were JPEG: a part of what tells the mammals apart may be that.</remarks>
internal static class FourClasses
{
    /// <summary>Training images of a class.</summary>
    public const int Each = 400;

    private static readonly string[] Mammals = ["cat", "deer", "dog", "horse"];

    /// <summary>The set, drawn by a seed.</summary>
    /// <param name="three">Training and test images of the three classes.</param>
    /// <param name="archive">A CIFAR-10 archive or folder.</param>
    /// <param name="seed">Decides which images.</param>
    public static ImageData Draw(ImageData three, string archive, int seed)
    {
        var four = Cifar3Data.Load(archive, new DataOptions { Classes = Mammals });
        var mammals = Join([four.Train, four.Test], ["mammal"], _ => 0).Shuffle(seed);
        int tested = mammals.Count - Each;
        List<ImageSet> train = [mammals.Take(Each)], test = [mammals.Select([.. Enumerable.Range(Each, tested)])];
        for (int label = 0; label < three.ClassNames.Length; label++)
        {
            train.Add(Of(three.Train, label).Shuffle(seed).Take(Each));
            test.Add(Of(three.Test, label).Shuffle(seed).Take(tested));
        }

        string[] names = [.. mammals.ClassNames, .. three.ClassNames];
        return new ImageData(Join(train, names, place => place), Join(test, names, place => place), $"{three.Source} and {archive}");
    }

    private static ImageSet Of(ImageSet images, int label) => images.Select(QualityRun.Members(images, label));

    private static ImageSet Join(List<ImageSet> sets, string[] names, Func<int, int> label) =>
        new([.. sets.SelectMany(set => set.Pixels.ToArray())], [.. sets.SelectMany((set, place) => Enumerable.Repeat(label(place), set.Count))], names);
}
