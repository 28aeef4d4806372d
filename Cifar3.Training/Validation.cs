namespace Cifar3.Training;

/// <summary>The images that a training is validated on. With class weights each also counts as the training images of its class do.</summary>
/// <remarks>
/// Keras' <c>class_weight</c> weighs the training's loss alone. Where 9 of 10 images are of one class, naming it always then has the highest validation accuracy: the epoch that knows the
/// others worst would be kept, and one that knows them well be called no better than chance. Balanced weights make the weighted accuracy the mean of the classes' recalls (scikit-learn's
/// <c>balanced_accuracy_score</c>), as far as the images are divided among the classes as the training images are.
/// </remarks>
internal sealed class Validation
{
    private readonly (ImageSet Images, double Weight)[] parts;
    private readonly double weight;

    /// <summary>Takes the images.</summary>
    /// <param name="images">The images.</param>
    /// <param name="classWeights">One weight a class; null, or none above 0 for a class that is here = each image counts the same.</param>
    public Validation(ImageSet images, float[]? classWeights)
    {
        Images = images;
        IsWeighted = IsWeightedBy(images, classWeights);
        if (IsWeighted)
        {
            parts = [.. images.Labels.ToArray().Index().GroupBy(image => image.Item, image => image.Index).OrderBy(group => group.Key)
                .Select(group => (images.Select([.. group]), (double)classWeights![group.Key]))];
            weight = parts.Sum(part => part.Weight * part.Images.Count);
            Count = weight * weight / parts.Sum(part => part.Weight * part.Weight * part.Images.Count);
            Chance = parts.Max(part => part.Weight * part.Images.Count) / weight;
        }
        else
        {
            (parts, Count) = ([(images, 1)], images.Count);
            Chance = (double)images.Labels.ToArray().CountBy(label => label).Max(group => group.Value) / images.Count;
        }
    }

    public ImageSet Images { get; }

    public bool IsWeighted { get; }

    /// <summary>How many images of equal weight would tell as much: (Σ w)²/Σ w², Kish's effective sample size (1965, section 11.7).</summary>
    public double Count { get; }

    /// <summary>The accuracy that naming the same class always has, at its best, each image counted by its weight.</summary>
    public double Chance { get; }

    /// <summary>Whether weights tell these images apart: there are some, and one above 0 is that of a class which is here.</summary>
    public static bool IsWeightedBy(ImageSet images, float[]? classWeights) => classWeights is not null && images.Labels.ToArray().Any(label => classWeights[label] > 0);

    /// <summary>Loss and number of correct images, in batches so that cancelling does not have to wait, and with class weights the accuracy in which each image counts by its class's weight.</summary>
    /// <param name="engine">Computes, in inference mode.</param>
    /// <param name="batch">Images at once.</param>
    /// <param name="cancellation">Looked at between two batches.</param>
    public (BatchResult Sum, double? WeightedAccuracy) Evaluate(ITrainingEngine engine, int batch, CancellationToken cancellation)
    {
        var sum = default(BatchResult);
        double right = 0;
        foreach (var (images, partWeight) in parts)
        {
            var part = default(BatchResult);
            for (int first = 0; first < images.Count; first += batch)
            {
                cancellation.ThrowIfCancellationRequested();
                int count = Math.Min(batch, images.Count - first);
                part += engine.Evaluate(images.Pixels.Slice(first * CnnArchitecture.ImageBytes, count * CnnArchitecture.ImageBytes), images.Labels.Slice(first, count));
            }

            sum += part;
            right += partWeight * part.Correct;
        }

        return (sum, IsWeighted ? right / weight : null);
    }
}
