using System.Reflection;
using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

public sealed class Cifar3TransformerTests
{
    private static readonly CnnModel Model = MLNetData.SmallModel();
    private static readonly MLContext Context = new(seed: 1);

    [TestCaseSource(typeof(MLNetData), nameof(MLNetData.Columns))]
    public void Transform_EveryKindOfColumn_GivesTheClassifiersScores(string column)
    {
        var images = MLNetData.Images(25); // more than one run of the read-ahead
        var view = MLNetData.View(Context, images);

        var scored = Context.Transforms.ApplyCifar3(Model, column, "Probabilities", "Guess", "GuessName").Fit(view).Transform(view);

        var expected = MLNetData.Expected(Model, images);
        MLNetData.AssertEqual(MLNetData.Scores(scored, "Probabilities"), expected);
        Assert.That(scored.GetColumn<uint>("Guess"), Is.EqualTo(expected.Select(row => (uint)Array.IndexOf(row, row.Max()) + 1)));
        Assert.That(scored.GetColumn<string>("GuessName"), Is.EqualTo(expected.Select(row => Model.ClassNames[Array.IndexOf(row, row.Max())])));
        Assert.That(scored.GetColumn<int>("Number"), Is.EqualTo(Enumerable.Range(0, 25)));
    }

    [Test]
    public void Transform_RowsInAnotherOrder_KeepsTheirScores()
    {
        var images = MLNetData.Images(40);
        var view = MLNetData.View(Context, images);
        var expected = MLNetData.Expected(Model, images);
        var transformer = Context.Transforms.ApplyCifar3(Model, "Path").Fit(view);

        foreach (var shuffled in new[] { transformer.Transform(Context.Data.ShuffleRows(view, seed: 3)), Context.Data.ShuffleRows(transformer.Transform(view), seed: 4) })
        {
            int[] numbers = [.. shuffled.GetColumn<int>("Number")];
            Assert.That(numbers, Is.Not.Ordered.And.EquivalentTo(Enumerable.Range(0, 40)));
            MLNetData.AssertEqual(MLNetData.Scores(shuffled), [.. numbers.Select(i => expected[i])]);
        }
    }

    [Test]
    public void Cursor_WithRandomOrder_ScoresBelongToTheirRows()
    {
        var images = MLNetData.Images(20);
        var view = images.ToDataView();
        var scored = Context.Transforms.ApplyCifar3(Model, "Pixels").Fit(view).Transform(view);
        var expected = MLNetData.Expected(Model, images);
        using var cursor = scored.GetRowCursor([scored.Schema["Score"], scored.Schema["Pixels"]], new Random(5));
        var getScore = cursor.GetGetter<VBuffer<float>>(scored.Schema["Score"]);
        var getId = cursor.GetIdGetter();
        var order = new List<ulong>();
        while (cursor.MoveNext())
        {
            VBuffer<float> score = default;
            DataViewRowId id = default;
            getScore(ref score);
            getId(ref id);
            order.Add(id.Low);
            Assert.That(score.DenseValues(), Is.EqualTo(expected[(int)id.Low]).Within(2e-6));
        }

        Assert.That(order, Is.Not.Ordered.And.EquivalentTo(Enumerable.Range(0, 20).Select(i => (ulong)i)));
    }

    [Test]
    public void Cursor_ScoresAskedForNowAndThen_BelongToTheirRows()
    {
        var images = MLNetData.Images(200);
        var view = images.ToDataView();
        var scored = Context.Transforms.ApplyCifar3(Model, "Pixels").Fit(view).Transform(view);
        var expected = MLNetData.Expected(Model, images);
        using var cursor = scored.GetRowCursor([scored.Schema["Score"]]);
        var getScore = cursor.GetGetter<VBuffer<float>>(scored.Schema["Score"]);
        int asked = 0;
        while (cursor.MoveNext())
        {
            if (cursor.Position is 3 or 4 or 50 or 51 or 199)
            {
                VBuffer<float> score = default;
                getScore(ref score);
                Assert.That(score.DenseValues(), Is.EqualTo(expected[cursor.Position]).Within(2e-6));
                asked++;
            }
        }

        Assert.That(asked, Is.EqualTo(5));
    }

    [Test]
    public void Transform_NothingAsked_ReadsNothing()
    {
        var rows = Context.Data.LoadFromEnumerable([new MLNetData.Row { Path = "/no/such/picture.png", Name = "a" }]);
        var scored = Context.Transforms.ApplyCifar3(Model, "Path").Fit(rows).Transform(rows);

        Assert.That(scored.GetColumn<string>("Name"), Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public void Transform_DamagedImageAmongGoodOnes_FailsAtItsRowOnly()
    {
        var images = MLNetData.Images(12);
        var rows = Enumerable.Range(0, 12).Select(i => new MLNetData.Row { Encoded = i == 6 ? [1, 2, 3] : TestImages.Encode(images.Image(i), 32, 32, SkiaSharp.SKEncodedImageFormat.Png), Number = i }).ToList();
        var view = Context.Data.LoadFromEnumerable(rows);
        var scored = Context.Transforms.ApplyCifar3(Model, "Encoded").Fit(view).Transform(view);
        using var cursor = scored.GetRowCursor([scored.Schema["Score"]]);
        var getScore = cursor.GetGetter<VBuffer<float>>(scored.Schema["Score"]);
        var expected = MLNetData.Expected(Model, images);
        while (cursor.MoveNext())
        {
            VBuffer<float> score = default;
            if (cursor.Position == 6)
            {
                Assert.That(() => getScore(ref score), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("row 6 of column Encoded"));
            }
            else
            {
                getScore(ref score);
                Assert.That(score.DenseValues(), Is.EqualTo(expected[cursor.Position]).Within(2e-6));
            }
        }

        Assert.That(() => scored.GetColumn<float[]>("Score").Count(), Throws.TypeOf<Cifar3ImageException>());
    }

    /// <summary>Memory that was short, a device that was busy: no row is at fault, and the rows read ahead keep no error that is over.</summary>
    [Test]
    public void Cursor_ScoringThatFailsOnce_GivesTheScoresWhenAskedAgain()
    {
        var images = MLNetData.Images(12);
        var view = images.ToDataView();
        var transformer = Context.Transforms.ApplyCifar3(Model, "Pixels").Fit(view);
        typeof(Cifar3Transformer).GetField("scorer", BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(transformer, new FailingOnce(Model));
        var scored = transformer.Transform(view);
        using var cursor = scored.GetRowCursor([scored.Schema["Score"]]);
        var getScore = cursor.GetGetter<VBuffer<float>>(scored.Schema["Score"]);
        VBuffer<float> score = default;
        cursor.MoveNext();

        Assert.That(() => getScore(ref score), Throws.TypeOf<Cifar3Exception>().With.Message.EqualTo("once"));
        getScore(ref score);

        Assert.That(score.DenseValues(), Is.EqualTo(MLNetData.Expected(Model, images)[0]).Within(2e-6));
    }

    [Test]
    public void PredictionEngine_DamagedImage_FailsAndTheNextOneScores()
    {
        var images = MLNetData.Images(3);
        var view = MLNetData.View(Context, images);
        using var engine = Engine(Context.Transforms.ApplyCifar3(Model, "Encoded").Fit(view));
        var good = Context.Data.CreateEnumerable<MLNetData.Row>(view, reuseRowObject: false).ToList();
        var expected = MLNetData.Expected(Model, images);

        Assert.That(engine.Predict(good[0]).Score, Is.EqualTo(expected[0]).Within(2e-6));
        Assert.That(() => engine.Predict(new MLNetData.Row { Encoded = [9, 9, 9] }), Throws.TypeOf<Cifar3ImageException>());
        Assert.That(() => engine.Predict(new MLNetData.Row()), Throws.TypeOf<Cifar3ImageException>().With.Message.Contains("missing"));
        Assert.That(engine.Predict(good[1]).Score, Is.EqualTo(expected[1]).Within(2e-6));
    }

    [Test]
    public void PredictionEngine_OnePerThread_GivesTheSerialResults()
    {
        var images = MLNetData.Images(48);
        var view = MLNetData.View(Context, images);
        using var transformer = Context.Transforms.ApplyCifar3(Model, "Encoded").Fit(view);
        var rows = Context.Data.CreateEnumerable<MLNetData.Row>(view, reuseRowObject: false).ToList();
        using var serial = Engine(transformer);
        float[][] expected = [.. rows.Select(row => serial.Predict(row).Score)];
        var actual = new float[8][][];

        Threads.Run(8, thread =>
        {
            using var engine = Engine(transformer); // disposing it disposes the transformer, which the other threads go on using
            actual[thread] = [.. rows.Select(row => engine.Predict(row).Score)];
        });

        foreach (var scores in actual)
        {
            MLNetData.AssertEqual(scores, expected, tolerance: 0);
        }
    }

    [Test]
    public void Transform_AfterDispose_LoadsTheModelAgain()
    {
        var images = MLNetData.Images(3);
        var view = images.ToDataView();
        var transformer = Context.Transforms.ApplyCifar3(Model, "Pixels").Fit(view);
        var before = MLNetData.Scores(transformer.Transform(view));

        transformer.Dispose();

        MLNetData.AssertEqual(MLNetData.Scores(transformer.Transform(view)), before, tolerance: 0);
        transformer.Dispose();
    }

    [Test]
    public void Transform_PixelsScaledToOne_SaysSo()
    {
        var view = Context.Data.LoadFromEnumerable([new Scaled { Features = [.. Enumerable.Repeat(0.5f, 3072)] }]);
        var scored = Context.Transforms.ApplyCifar3(Model).Fit(view).Transform(view);

        Assert.That(() => scored.GetColumn<float[]>("Score").ToList(), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("neither scaled nor shifted"));
    }

    [Test]
    public void Transform_WrongColumns_SaysExpectedAndFoundAsMLNetDoes()
    {
        var view = MLNetData.Images().ToDataView();

        Assert.That(() => Context.Transforms.ApplyCifar3(Model).Fit(view), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("could not find feature column 'Features'"));
        Assert.That(
            () => Context.Transforms.ApplyCifar3(Model, "Label").Fit(view),
            Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("Schema mismatch for feature column 'Label': expected an image (MLImage)").And.Message.Contains("got Key<UInt32, 0-2>"));
        Assert.That(() => Context.Transforms.ApplyCifar3(Model, "Image", "A", "A"), Throws.ArgumentException.With.Message.Contains("all different"));
    }

    [TestCase("Familiarity", "PredictedLabel", null)]
    [TestCase("Score", "IsFamiliar", null)]
    [TestCase("Score", "PredictedLabel", "Familiarity")]
    public void Create_ColumnNamedAsOneOfFamiliarity_IsRefusedWhereThoseAreAdded(string score, string label, string? value)
    {
        var familiarity = new ClassifierOptions { Familiarity = true };

        Assert.That(() => Context.Transforms.ApplyCifar3(Model, "Image", score, label, value), Throws.Nothing);
        Assert.That(() => Context.Transforms.ApplyCifar3(Model, "Image", score, label, value, familiarity), Throws.ArgumentException.With.Message.Contains("all different").And.Message.Contains("IsFamiliar"));
        Assert.That(
            () => Context.MulticlassClassification.Trainers.Cifar3Cnn(new Cifar3CnnTrainer.Options { ScoreColumnName = score, PredictedLabelColumnName = label, PredictedLabelValueColumnName = value, Scoring = familiarity }),
            Throws.ArgumentException.With.Message.Contains("all different"));
    }

    [Test]
    public void Transform_SourceThatGivesItsRowsOnce_ScoresBelongToTheirRows()
    {
        var images = MLNetData.Images(300);
        var arriving = new Queue<int>(Enumerable.Range(0, 300));
        var view = Context.Data.LoadFromEnumerable(Rows());
        var scored = Context.Transforms.ApplyCifar3(Model, "Pixels").Fit(view).Transform(view);

        var rows = Context.Data.CreateEnumerable<ScoredRow>(scored, reuseRowObject: false).ToList();

        Assert.That(rows.Select(row => row.Number), Is.EqualTo(Enumerable.Range(0, 300)));
        Assert.That(rows.Select(row => row.Name), Is.EqualTo(rows.Select(row => $"picture {row.Number}")));
        Assert.That(rows.Select(row => row.Pixels), Is.EqualTo(rows.Select(row => images.Image(row.Number).ToArray())));
        MLNetData.AssertEqual([.. rows.Select(row => row.Score)], MLNetData.Expected(Model, images));

        IEnumerable<MLNetData.Row> Rows()
        {
            while (arriving.TryDequeue(out int i))
            {
                yield return new MLNetData.Row { Pixels = images.Image(i).ToArray(), Number = i, Name = $"picture {i}" };
            }
        }
    }

    [Test]
    public void Transform_PicturesAskedForWithTheirScores_BelongToTheirRows()
    {
        var images = MLNetData.Images(20);
        var view = MLNetData.View(Context, images);
        var scored = Context.Transforms.ApplyCifar3(Model, "Image").Fit(view).Transform(view);
        var expected = MLNetData.Expected(Model, images);
        using var cursor = scored.GetRowCursor(scored.Schema);
        var getImage = cursor.GetGetter<MLImage>(scored.Schema["Image"]);
        var getScore = cursor.GetGetter<VBuffer<float>>(scored.Schema["Score"]);
        MLImage? image = null;
        VBuffer<float> score = default;
        byte[] rgb = new byte[3072];
        int row = 0;
        for (; cursor.MoveNext(); row++)
        {
            getScore(ref score);
            getImage(ref image!);
            MLImagePixels.Read(image, rgb, "picture");
            Assert.That(rgb, Is.EqualTo(images.Image(row).ToArray()));
            Assert.That(score.DenseValues(), Is.EqualTo(expected[row]).Within(2e-6));
        }

        Assert.That(row, Is.EqualTo(20));
    }

    [TestCase(5)]
    [TestCase(20)]
    public void Cursor_AtTheEnd_StaysThere(int rows)
    {
        var view = MLNetData.Images(rows).ToDataView();
        var scored = Context.Transforms.ApplyCifar3(Model, "Pixels").Fit(view).Transform(view);
        using var cursor = scored.GetRowCursor([scored.Schema["PredictedLabel"]]);
        var getLabel = cursor.GetGetter<uint>(scored.Schema["PredictedLabel"]);
        uint label = 0;
        int count = 0;
        for (; cursor.MoveNext(); count++)
        {
            getLabel(ref label);
        }

        Assert.That(count, Is.EqualTo(rows));
        Assert.That(cursor.MoveNext(), Is.False);
        Assert.That(cursor.Position, Is.EqualTo(-1));
        Assert.That(() => getLabel(ref label), Throws.InvalidOperationException);
    }

    private static PredictionEngine<MLNetData.Row, Guess> Engine(ITransformer transformer) => Context.Model.CreatePredictionEngine<MLNetData.Row, Guess>(transformer);

    private sealed class Guess
    {
        public float[] Score { get; set; } = [];

        public uint PredictedLabel { get; set; }
    }

    private sealed class ScoredRow
    {
        public int Number { get; set; }

        public string Name { get; set; } = "";

        [VectorType(3072)]
        public byte[] Pixels { get; set; } = [];

        public float[] Score { get; set; } = [];
    }

    private sealed class Scaled
    {
        [VectorType(3072)]
        public float[] Features { get; set; } = [];
    }

    private sealed class FailingOnce(CnnModel model) : IScorer
    {
        private readonly ManagedScorer inner = new(model);
        private bool failed;

        public ScoringBackend Backend => inner.Backend;

        public string Device => inner.Device;

        public int Threads => inner.Threads;

        public int PieceSize => inner.PieceSize;

        public void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities)
        {
            if (!failed)
            {
                failed = true;
                throw new Cifar3Exception("once");
            }

            inner.Score(pixels, probabilities);
        }

        public void ScorePiece(ReadOnlySpan<byte> pixels, Span<float> probabilities, CancellationToken cancellation) => inner.ScorePiece(pixels, probabilities, cancellation);

        public void Dispose() => inner.Dispose();
    }
}
