using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>What the transformer makes of a data view that fails.</summary>
public sealed class FailingSourceTests
{
    private static readonly MLContext Context = new();
    private static readonly CnnModel Model = MLNetData.SmallModel();

    /// <summary>Rows are read ahead, eight and then sixteen: an error is that of its own row.</summary>
    [Test]
    public void Transform_PassedOnColumnThatFails_FailsAtItsRowOnly()
    {
        var images = MLNetData.Images(30);
        var view = Context.Data.LoadFromEnumerable(Enumerable.Range(0, 30).Select(i => new Doubled { Pixels = images.Image(i).ToArray(), Twice = 2 * i }));
        var scored = Context.Transforms.ApplyCifar3(Model, "Pixels").Fit(view).Transform(view);
        using var cursor = scored.GetRowCursor([scored.Schema["Score"], scored.Schema["Twice"]]);
        var getScore = cursor.GetGetter<VBuffer<float>>(scored.Schema["Score"]);
        var getTwice = cursor.GetGetter<int>(scored.Schema["Twice"]);
        var expected = MLNetData.Expected(Model, images);
        VBuffer<float> score = default;
        int twice = 0;
        while (cursor.MoveNext())
        {
            getScore(ref score);
            Assert.That(score.DenseValues(), Is.EqualTo(expected[cursor.Position]).Within(2e-6));
            Assert.That(() => getTwice(ref twice), cursor.Position == 3 ? Throws.InvalidOperationException.With.Message.Contains("three") : Throws.Nothing);
            Assert.That(cursor.Position == 3 || twice == 2 * cursor.Position, Is.True, $"row {cursor.Position}");
        }
    }

    [Test]
    public void Transform_SourceThatBreaksOff_GivesTheRowsBefore()
    {
        var images = MLNetData.Images(20);
        var view = Context.Data.LoadFromEnumerable(Rows());
        var scored = Context.Transforms.ApplyCifar3(Model, "Pixels").Fit(view).Transform(view);
        var numbers = new List<int>();

        Assert.That(
            () =>
            {
                foreach (var row in Context.Data.CreateEnumerable<ScoredRow>(scored, reuseRowObject: false))
                {
                    numbers.Add(row.Number);
                }
            },
            Throws.TypeOf<IOException>().With.Message.EqualTo("the cable is out"));
        Assert.That(numbers, Is.EqualTo(Enumerable.Range(0, 13)));

        // Asked again after its failure it says that it has ended.
        IEnumerable<MLNetData.Row> Rows()
        {
            for (int i = 0; i < 13; i++)
            {
                yield return new MLNetData.Row { Pixels = images.Image(i).ToArray(), Number = i };
            }

            throw new IOException("the cable is out");
        }
    }

    /// <summary>ML.NET reads ahead on threads of its own, and its error says no more than that one of them failed.</summary>
    [Test]
    public void Transform_FileThatIsGoneWhenItIsRead_IsNamed()
    {
        string folder = TestFiles.NewFolder();
        var images = MLNetData.Images(30);
        MLNetData.Row[] rows = [.. Enumerable.Range(0, 30).Select(i => new MLNetData.Row { Path = Path.Combine(folder, $"{i}.png"), Number = i })];
        foreach (var row in rows)
        {
            File.WriteAllBytes(row.Path, TestImages.Encode(images.Image(row.Number), 32, 32, SkiaSharp.SKEncodedImageFormat.Png));
        }

        var view = Context.Data.LoadFromEnumerable(rows);
        var loaded = Context.Transforms.LoadRawImageBytes("Loaded", folder, "Path").Fit(view).Transform(view);
        var scored = Context.Transforms.ApplyCifar3(Model, "Loaded").Fit(loaded).Transform(loaded);
        File.Delete(rows[20].Path);

        Assert.That(() => scored.GetColumn<float[]>("Score").Count(), Throws.TypeOf<Cifar3DataException>().With.Message.Contains(rows[20].Path).And.Message.StartsWith("Reading row "));
    }

    private sealed class ScoredRow
    {
        public int Number { get; set; }

        public float[] Score { get; set; } = [];
    }

    private sealed class Doubled
    {
        [VectorType(3072)]
        public byte[] Pixels { get; set; } = [];

        public int Twice { get => field == 6 ? throw new InvalidOperationException("three") : field; set; }
    }
}
