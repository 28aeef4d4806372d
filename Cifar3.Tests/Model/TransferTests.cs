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

    private static IEnumerable<int> Pictures(ImageSet images) => Enumerable.Range(0, images.Count).Select(i => images.Image(i)[0] * 10 + images.Labels[i]);
}
