namespace Cifar3.Training;

/// <summary>Some images of a set, spread evenly over those of each class: where the classes come in turn, every second or third image would be of one class.</summary>
internal static class EvenSample
{
    /// <summary>The indices of at most so many, rising.</summary>
    public static int[] Of(ImageSet images, int most)
    {
        int count = Math.Min(images.Count, most);
        int[] labels = images.Labels.ToArray(), byClass = [.. Enumerable.Range(0, images.Count).OrderBy(i => labels[i])]; // stable
        return [.. Enumerable.Range(0, count).Select(i => byClass[(long)i * images.Count / count]).Order()];
    }
}
