using Cifar3.Training;

namespace Cifar3.Benchmarks;

/// <summary>What CIFAR-10's other seven classes tell: whether the model sees that it does not know them, and what it gives a training that does.</summary>
internal sealed class UnknownClasses
{
    private static readonly string[] Others = ["cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    private readonly ImageData images;

    private UnknownClasses(ImageData images) => this.images = images;

    /// <summary>The other classes' images of a CIFAR-10 archive or folder.</summary>
    public static UnknownClasses Load(string path) => new(Cifar3Data.Load(path, new DataOptions { Classes = Others }));

    /// <summary>
    /// Area under the receiver operating characteristic of the familiarity: the probability that a known image is more familiar than one of an unknown
    /// class, ties half (Mann and Whitney). Nothing here was trained on.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="known">Test images of its classes.</param>
    public double AreaUnderRoc(CnnModel model, ImageSet known)
    {
        using var classifier = Cifar3Classifier.FromModel(model, new ClassifierOptions { Familiarity = true });
        float[] ours = Familiarity(known), theirs = [.. Familiarity(images.Train), .. Familiarity(images.Test)];
        Array.Sort(theirs);
        return ours.Sum(value => (Position(value, orEqual: false) + Position(value, orEqual: true)) / 2.0) / ours.Length / theirs.Length;

        float[] Familiarity(ImageSet set) => [.. classifier.PredictBatch(set).Select(prediction => prediction.Familiarity!.Value)];

        // How many of theirs are below the value (or equal to it).
        int Position(float value, bool orEqual)
        {
            int low = 0, high = theirs.Length;
            while (low < high)
            {
                int middle = (low + high) / 2;
                (low, high) = theirs[middle] < value || (orEqual && theirs[middle] == value) ? (middle + 1, high) : (low, middle);
            }

            return low;
        }
    }

    /// <summary>Test accuracy after training on the other classes with the default recipe: from a trained model's layers, and from new weights.</summary>
    public (double FineTuned, double Anew) Train(CnnModel start, int seed)
    {
        var settings = new TrainerOptions { Seed = seed };
        return (Accuracy(settings with { InitialModel = start.WithClasses(images.ClassNames, seed) }), Accuracy(settings));

        double Accuracy(TrainerOptions options) => QualityRun.Train(options, images).Report.Accuracy;
    }
}
