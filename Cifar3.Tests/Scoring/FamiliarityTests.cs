using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>Options that add to what is scored: familiarity and the mean with the mirrored image.</summary>
public sealed class FamiliarityTests
{
    private static readonly ImageSet Images = Cifar3Data.Synthetic(trainCount: 3, testCount: 70, seed: 5).Test;

    private static readonly CnnModel Model = TestModels.Random().Calibrate(Images);

    [Test]
    public void Familiarity_OfAnImage_IsTheLogarithmOfTheSummedExponentials()
    {
        // With a bias b on every logit probabilities stay, and ln Σ exp grows by b.
        var shifted = Model.With(Model.Weights.Select(w => w.Name == "dense/bias" ? new WeightTensor(w.Name, w.Shape, Array.ConvertAll(w.ToArray(), v => v + 1.5f)) : w));
        using Cifar3Classifier plain = Load(Model), raised = Load(shifted);

        var (a, b) = (plain.PredictBatch(Images), raised.PredictBatch(Images));

        Assert.Multiple(() =>
        {
            Assert.That(b.Select(p => p.Familiarity!.Value), Is.EqualTo(a.Select(p => p.Familiarity!.Value + 1.5f)).Within(1e-4));
            Assert.That(b.SelectMany(p => p.Probabilities), Is.EqualTo(a.SelectMany(p => p.Probabilities)).Within(1e-5));
        });
    }

    [Test]
    public void Familiarity_OneByOneBatchAndStream_AreTheSameAndNotThereUnlessAsked()
    {
        using var classifier = Load(Model);
        using var plain = Cifar3Classifier.FromModel(Model);

        var batch = classifier.PredictBatch(Images);

        Assert.Multiple(() =>
        {
            Assert.That(Enumerable.Range(0, 5).Select(i => classifier.PredictPixels(Images.Image(i)).Familiarity), Is.EqualTo(batch.Take(5).Select(p => p.Familiarity)));
            Assert.That(batch.All(p => p.IsFamiliar == (p.Familiarity >= (float)Model.Metadata.FamiliarityThreshold!.Value)), Is.True);
            Assert.That(batch.Select(p => p.Probabilities), Is.EqualTo(plain.PredictBatch(Images).Select(p => p.Probabilities)));
            Assert.That(plain.PredictBatch(Images).All(p => p.Familiarity is null && p.IsFamiliar is null), Is.True);
        });
        var scores = new float[Images.Count * 3];
        classifier.Score(Images.Pixels, scores);
        Assert.That(scores, Is.EqualTo(batch.SelectMany(p => p.Probabilities)), "probabilities alone");
    }

    [Test]
    public void Familiarity_ModelWithoutThreshold_TellsTheValueOnly()
    {
        using var classifier = Load(TestModels.Random());

        var prediction = classifier.PredictPixels(Images.Image(0));

        Assert.That(prediction.Familiarity, Is.Not.Null);
        Assert.That(prediction.IsFamiliar, Is.Null);
    }

    [TestCase(ScoringBackend.OnnxRuntime)]
    [TestCase(ScoringBackend.Cuda)]
    public void Familiarity_BackendWithoutLogits_IsRefused(ScoringBackend backend) =>
        Assert.That(() => Cifar3Classifier.FromModel(Model, new ClassifierOptions { Backend = backend, Familiarity = true }), Throws.ArgumentException.With.Message.Contains("logits").And.Message.Contains("Managed"));

    [Test]
    public void Familiarity_GraphForOnnxRuntime_IsRefused() =>
        Assert.That(
            () => Cifar3Classifier.Load(Model.ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized }), new ClassifierOptions { Familiarity = true }),
            Throws.TypeOf<Cifar3Exception>().With.Message.Contains("logits").And.Message.Contains("without options"));

    [Test]
    public void ApplyCifar3_FlipAveraging_IsNotSavedAsIfItWereNone()
    {
        var context = new MLContext();
        var view = Images.ToDataView();
        using var transformer = context.Transforms.ApplyCifar3(Model, "Image", options: new ClassifierOptions { FlipAveraging = true }).Fit(view);

        Assert.That(() => context.Model.Save(transformer, view.Schema, new MemoryStream()), Throws.InstanceOf<Exception>().With.Message.Contains("FlipAveraging"));
    }

    [Test]
    public void ApplyCifar3_Familiarity_AddsTwoColumns()
    {
        var context = new MLContext();
        var view = Images.ToDataView();
        var estimator = context.Transforms.ApplyCifar3(Model, "Image", options: new ClassifierOptions { Familiarity = true });
        using var transformer = estimator.Fit(view);
        using var classifier = Load(Model);

        var scored = transformer.Transform(view);

        var predictions = classifier.PredictBatch(Images);
        Assert.Multiple(() =>
        {
            Assert.That(scored.GetColumn<float>("Familiarity"), Is.EqualTo(predictions.Select(p => p.Familiarity!.Value)));
            Assert.That(scored.GetColumn<bool>("IsFamiliar"), Is.EqualTo(predictions.Select(p => p.IsFamiliar!.Value)));
            Assert.That(scored.GetColumn<float[]>("Score").SelectMany(s => s), Is.EqualTo(predictions.SelectMany(p => p.Probabilities)));
            Assert.That(scored.GetColumn<uint>("PredictedLabel"), Is.EqualTo(predictions.Select(p => (uint)p.LabelIndex + 1)));
            Assert.That(scored.Schema["IsFamiliar"].Type, Is.EqualTo(BooleanDataViewType.Instance));
            Assert.That(estimator.GetOutputSchema(DataViewContent.Shape(null, view.Schema)).Select(c => c.Name), Does.Contain("Familiarity").And.Contain("IsFamiliar"));
            Assert.That(() => context.Model.Save(transformer, view.Schema, new MemoryStream()), Throws.InstanceOf<Exception>().With.Message.Contains("familiarity"));
        });
    }

    [Test]
    public void ApplyCifar3_FamiliarityOfAModelWithoutThreshold_IsRefused() =>
        Assert.That(
            () => new MLContext().Transforms.ApplyCifar3(TestModels.Random(), "Image", options: new ClassifierOptions { Familiarity = true }).Fit(Images.ToDataView()),
            Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("Calibrate"));

    [TestCase(ScoringBackend.Managed)]
    [TestCase(ScoringBackend.OnnxRuntime)]
    public void FlipAveraging_Probabilities_AreTheMeanOfBothSides(ScoringBackend backend)
    {
        byte[] mirrored = new byte[Images.Pixels.Length];
        for (int i = 0; i < mirrored.Length; i++)
        {
            int x = i / 3 % 32;
            mirrored[i] = Images.Pixels[i + 3 * (31 - 2 * x)];
        }

        using var plain = Cifar3Classifier.FromModel(Model, new ClassifierOptions { Backend = backend });
        using var averaging = Cifar3Classifier.FromModel(Model, new ClassifierOptions { Backend = backend, FlipAveraging = true });

        float[] expected = [.. plain.PredictBatch(Images).SelectMany(p => p.Probabilities).Zip(plain.PredictPixelsBatch(mirrored).SelectMany(p => p.Probabilities), (a, b) => (a + b) / 2)];

        Assert.That(averaging.PredictBatch(Images).SelectMany(p => p.Probabilities), Is.EqualTo(expected).Within(1e-6));
        Assert.That(averaging.PredictPixels(Images.Image(0)).Probabilities, Is.EqualTo(expected.Take(3)).Within(1e-6));
    }

    /// <summary>Mirrored images are made in pieces of 1024.</summary>
    [Test]
    public void FlipAveraging_MoreImagesThanAPiece_EachIsAveragedWithItsOwnMirrorImage()
    {
        byte[] pixels = new byte[1030 * CnnArchitecture.ImageBytes];
        for (int i = 0; i < 1030; i++)
        {
            pixels[i * CnnArchitecture.ImageBytes] = (byte)i;
            pixels[i * CnnArchitecture.ImageBytes + 3 * 31] = (byte)(i / 7);
        }

        var (whole, piece) = (new float[1030], new float[1030]);
        using var averaging = new FlipAveragingScorer(new FirstValue(), rowWidth: 1);
        averaging.Score(pixels, whole);
        averaging.ScorePiece(pixels, piece, default);

        Assert.That(whole, Is.EqualTo(Enumerable.Range(0, 1030).Select(i => ((byte)i + (byte)(i / 7)) / 2f)));
        Assert.That(piece, Is.EqualTo(whole));
    }

    /// <summary>Nearly 2 GiB: the piece behind the last one begins beyond what an int counts. Slow: a container of 2 GiB may end the tests for it.</summary>
    [Test, Category(TestCategories.Slow)]
    public void FlipAveraging_AsManyImagesAsAnArrayHolds_IsDone()
    {
        const int Count = int.MaxValue / CnnArchitecture.ImageBytes;
        var scores = new float[Count];
        byte[] pixels;
        try
        {
            pixels = new byte[Count * CnnArchitecture.ImageBytes];
        }
        catch (OutOfMemoryException)
        {
            Assert.Ignore("There is no memory for 2 GiB.");
            return;
        }

        pixels[(Count - 1) * CnnArchitecture.ImageBytes] = 8;
        using var averaging = new FlipAveragingScorer(new FirstValue(), rowWidth: 1);

        averaging.Score(pixels, scores);

        Assert.That((scores[^2], scores[^1]), Is.EqualTo((0f, 4f)));
    }

    [Test]
    public void FlipAveraging_DisposedDuringACall_LetsItEndWell()
    {
        var inner = new FirstValue();
        var averaging = new FlipAveragingScorer(inner, rowWidth: 1);
        inner.Scored = averaging.Dispose;
        var score = new float[1];

        averaging.Score(new byte[CnnArchitecture.ImageBytes], score);

        Assert.That(inner.IsDisposed, Is.True);
        Assert.That(() => averaging.Score(new byte[CnnArchitecture.ImageBytes], score), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => averaging.ScorePiece(new byte[CnnArchitecture.ImageBytes], score, default), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>Its score of an image is the image's first byte.</summary>
    private sealed class FirstValue : IScorer
    {
        public Action? Scored { get; set; }

        public bool IsDisposed { get; private set; }

        public ScoringBackend Backend => ScoringBackend.Managed;

        public string Device => "test";

        public int Threads => 1;

        public int PieceSize => 2048;

        public void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities)
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            for (int i = 0; i < probabilities.Length; i++)
            {
                probabilities[i] = pixels[i * CnnArchitecture.ImageBytes];
            }

            Scored?.Invoke();
        }

        public void ScorePiece(ReadOnlySpan<byte> pixels, Span<float> probabilities, CancellationToken cancellation) => Score(pixels, probabilities);

        public void Dispose() => IsDisposed = true;
    }

    private static Cifar3Classifier Load(CnnModel model) => Cifar3Classifier.FromModel(model, new ClassifierOptions { Familiarity = true });
}
