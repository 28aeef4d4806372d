namespace Cifar3.Training;

/// <summary>Some images of a set, spread evenly over it: sets are ordered by class, or in no order.</summary>
internal static class EvenSample
{
    /// <summary>The indices of at most so many, rising.</summary>
    public static int[] Of(ImageSet images, int most)
    {
        int count = Math.Min(images.Count, most);
        return [.. Enumerable.Range(0, count).Select(i => (int)((long)i * images.Count / count))];
    }
}
