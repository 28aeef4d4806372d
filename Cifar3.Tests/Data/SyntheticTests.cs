using System.Security.Cryptography;

namespace Cifar3.Tests;

public sealed class SyntheticTests
{
    [Test]
    public void Synthetic_Default_HasThreeBalancedClassesAndSaysWhatItIs()
    {
        var data = Cifar3Data.Synthetic(trainCount: 300, testCount: 30);

        Assert.That(data.ClassNames, Is.EqualTo(new[] { "aeroplane", "car", "bird" }));
        Assert.That(data.Train.Labels[..4].ToArray(), Is.EqualTo(new[] { 0, 1, 2, 0 }));
        Assert.That(data.Test.Shape, Is.EqualTo((30, 32, 32, 3)));
        Assert.That(data.IsSynthetic, Is.True);
        Assert.That(data.Source, Does.StartWith("synthetic"));
    }

    [Test]
    public void Synthetic_Seed1_HasTheSamePixelsOnEveryMachine()
    {
        var data = Cifar3Data.Synthetic(trainCount: 60, testCount: 60, seed: 1);

        Assert.That(Convert.ToHexStringLower(SHA256.HashData(data.Train.Pixels)), Is.EqualTo("cf32aec2d1e4ae3b62e9eeba372cd25a0fbbbf8fb2b56638d1809901db7b97d4"));
        Assert.That(Convert.ToHexStringLower(SHA256.HashData(data.Test.Pixels)), Is.EqualTo("76cf71de8d74ff18717864bf702df68f8b13882ffa919c31f061c6f2747455a2"));
    }

    [Test]
    public void Synthetic_AnyCount_BeginsWithTheSameImages()
    {
        ImageSet few = Cifar3Data.Synthetic(10, 10, seed: 5).Train, many = Cifar3Data.Synthetic(500, 10, seed: 5).Train;

        Assert.That(many.Pixels[..few.Pixels.Length].SequenceEqual(few.Pixels), Is.True);
    }

    [Test]
    public void Synthetic_OtherSeedOrPart_HasOtherImages()
    {
        ImageData one = Cifar3Data.Synthetic(30, 30, seed: 1), two = Cifar3Data.Synthetic(30, 30, seed: 2);
        var images = new HashSet<string>();
        foreach (var set in new[] { one.Train, one.Test, two.Train, two.Test })
        {
            for (int i = 0; i < set.Count; i++)
            {
                images.Add(Convert.ToHexString(set.Image(i)));
            }
        }

        Assert.That(images, Has.Count.EqualTo(120));
    }

    [Test]
    public void Synthetic_Classes_CannotBeToldByMeanColour()
    {
        // Nearest class mean of the mean colour: what a network must beat by looking at shapes.
        var data = Cifar3Data.Synthetic(900, 300, seed: 3);
        var means = new double[3, 3];
        for (int i = 0; i < data.Train.Count; i++)
        {
            for (int c = 0; c < 3; c++)
            {
                means[data.Train.Labels[i], c] += MeanColour(data.Train, i)[c] / 300;
            }
        }

        int correct = 0;
        for (int i = 0; i < data.Test.Count; i++)
        {
            double[] colour = MeanColour(data.Test, i);
            int nearest = Enumerable.Range(0, 3).MinBy(label => Enumerable.Range(0, 3).Sum(c => Math.Pow(colour[c] - means[label, c], 2)));
            correct += nearest == data.Test.Labels[i] ? 1 : 0;
        }

        Assert.That(correct / 300.0, Is.LessThan(0.55));
    }

    [TestCase(2, 10)]
    [TestCase(10, 600_001)]
    public void Synthetic_CountOutOfRange_SaysTheRange(int train, int test) =>
        Assert.That(() => Cifar3Data.Synthetic(train, test), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("3 to 600,000"));

    private static double[] MeanColour(ImageSet set, int index)
    {
        var mean = new double[3];
        var image = set.Image(index);
        for (int i = 0; i < image.Length; i++)
        {
            mean[i % 3] += image[i] / 1024.0;
        }

        return mean;
    }
}
