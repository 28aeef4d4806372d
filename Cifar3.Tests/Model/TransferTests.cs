using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Other classes for a trained network, and the images that choose a model.</summary>
public sealed class TransferTests
{
    [Test]
    public void WithClasses_OtherClasses_KeepsAllButTheDenseLayer()
    {
        var model = CnnModel.LoadDefault();

        var other = model.WithClasses(["cat", "dog", "horse", "ship"], seed: 3);

        Assert.Multiple(() =>
        {
            Assert.That(other.ClassNames, Is.EqualTo(new[] { "cat", "dog", "horse", "ship" }));
            Assert.That(other["dense/kernel"].Shape, Is.EqualTo(new[] { 512, 4 }));
            Assert.That(other["dense/kernel"].Values.ToArray(), Is.EqualTo(CnnModel.Create(other.ClassNames, 3)["dense/kernel"].Values.ToArray()));
            Assert.That(other["dense/bias"].Values.ToArray(), Is.All.Zero);
            Assert.That(other.Weights.SkipLast(2).Zip(model.Weights, (a, b) => a.Values.SequenceEqual(b.Values)), Is.All.True);
            Assert.That((other.Metadata.ValAccuracy, other.Metadata.Recipe, other.Metadata.Epoch, other.Metadata.Seed), Is.EqualTo(((double?)null, (string?)null, 0, 3)));
            Assert.That(() => model.WithClasses(["one"]), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("classes=1"));
        });
    }

    [Test]
    public void WithClasses_KerasFile_GivesTheSame()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "model.keras");
        TestModels.Random().SaveKeras(file);

        var other = KerasFile.Load(file, ["a", "b", "c"]).Model.WithClasses(["x", "y"]);

        Assert.That(other["conv2d_5/kernel"].Values.ToArray(), Is.EqualTo(TestModels.Random()["conv2d_5/kernel"].Values.ToArray()));
        Assert.That(other.ClassNames, Is.EqualTo(new[] { "x", "y" }));
    }

    [TestCase(0.1)]
    [TestCase(0.25)]
    public void TrainValidationSplit_UnequalClasses_EachGivesItsShare(double fraction)
    {
        int[] labels = [.. Enumerable.Range(0, 330).Select(i => i % 11 == 0 ? 1 : i % 3 == 0 ? 2 : 0), 3];
        var images = new ImageSet([.. Enumerable.Range(0, labels.Length).SelectMany(i => Enumerable.Repeat((byte)(i % 251), 3072))], labels, ["a", "b", "c", "one"]);

        var (train, validation) = images.TrainValidationSplit(fraction, seed: 7);

        Assert.Multiple(() =>
        {
            Assert.That(train.Count + validation.Count, Is.EqualTo(images.Count));
            for (int label = 0; label < 3; label++)
            {
                int all = labels.Count(l => l == label);
                Assert.That(validation.Labels.ToArray().Count(l => l == label), Is.EqualTo((int)Math.Round(fraction * all)), $"class {label} of {all}");
            }

            Assert.That(validation.Labels.ToArray(), Has.None.EqualTo(3), "the only image of its class is trained on");
            Assert.That(images.TrainValidationSplit(fraction, seed: 7).Validation.Pixels.SequenceEqual(validation.Pixels), Is.True);
            Assert.That(images.TrainValidationSplit(fraction, seed: 8).Validation.Pixels.SequenceEqual(validation.Pixels), Is.False);
            Assert.That(Pictures(train).Concat(Pictures(validation)).Order(), Is.EqualTo(Pictures(images).Order()));
            Assert.That(() => images.TrainValidationSplit(1), Throws.TypeOf<ArgumentOutOfRangeException>());
        });
    }

    [Test]
    public void TrainValidationSplit_ClassOfTwoOrThree_GivesOne() =>
        Assert.That(new ImageSet(new byte[5 * CnnArchitecture.ImageBytes], [0, 0, 0, 1, 1], ["three", "two"]).TrainValidationSplit(0.1).Validation.Labels.ToArray(), Is.EqualTo(new[] { 0, 1 }));

    /// <summary>Rows repeated for a rare class, links to one icon under many names: what a model reaches on copies of its training images says nothing of others.</summary>
    [TestCase(0.1)]
    [TestCase(0.4)]
    public void TrainValidationSplit_ImagesThatAreThereSeveralTimes_StayOnOneSide(double fraction)
    {
        int[] copies = [1, 2, 3, 5, 30];
        var images = Repeated([.. Enumerable.Range(0, 60).Select(picture => (picture % 2, copies[picture % copies.Length]))]);

        for (int seed = 0; seed < 5; seed++)
        {
            var (train, validation) = images.TrainValidationSplit(fraction, seed);

            Assert.That(train.Count + validation.Count, Is.EqualTo(images.Count));
            Assert.That(Pictures(train).Intersect(Pictures(validation)), Is.Empty);
            foreach (int label in new[] { 0, 1 })
            {
                int all = images.Labels.ToArray().Count(l => l == label);
                Assert.That(validation.Labels.ToArray().Count(l => l == label), Is.EqualTo(fraction * all).Within(0.05 * all), $"class {label}, seed {seed}");
            }
        }
    }

    [TestCase("1*10", 1, TestName = "of one picture copies are set aside: there is nothing else")]
    [TestCase("9*10 1*1", 1, TestName = "what does not fit is trained on")]
    [TestCase("1*60 1*40", 40, TestName = "of two pictures the rarer one is set aside")]
    public void TrainValidationSplit_ManyCopiesOfFewPictures_SetsSomeAside(string pictures, int aside)
    {
        (int Pictures, int Copies)[] parts = [.. pictures.Split(' ').Select(part => part.Split('*').Select(int.Parse).ToArray()).Select(part => (part[0], part[1]))];
        var images = Repeated([.. parts.SelectMany(part => Enumerable.Repeat((0, part.Copies), part.Pictures)), (1, 1)]);

        Assert.That(images.TrainValidationSplit(pictures.StartsWith('9') ? 0.05 : 0.1, seed: 3).Validation.Count, Is.EqualTo(aside));
    }

    /// <summary>An icon of 32 names that the model took for another class made half of the errors on 303 test files.</summary>
    [Test]
    public void TrainValidationSplit_OnePictureOfManyCopiesAmongOthers_IsTrainedOn()
    {
        var images = Repeated([(0, 20), .. Enumerable.Repeat((0, 1), 40), (1, 1)]);

        for (int seed = 0; seed < 5; seed++)
        {
            var (train, validation) = images.TrainValidationSplit(0.4, seed);

            Assert.That((validation.Count, Pictures(train).Count(picture => picture == 0)), Is.EqualTo((24, 20)), $"seed {seed}");
        }
    }

    /// <summary>Pictures of one value each, so many times, of two classes.</summary>
    private static ImageSet Repeated(IReadOnlyList<(int Label, int Copies)> pictures)
    {
        var rows = pictures.SelectMany((picture, value) => Enumerable.Repeat((picture.Label, Value: (byte)value), picture.Copies)).ToList();
        return new ImageSet([.. rows.SelectMany(row => Enumerable.Repeat(row.Value, CnnArchitecture.ImageBytes))], [.. rows.Select(row => row.Label)], ["a", "b"]);
    }

    private static IEnumerable<int> Pictures(ImageSet images) => Enumerable.Range(0, images.Count).Select(i => images.Image(i)[0] * 10 + images.Labels[i]);
}
