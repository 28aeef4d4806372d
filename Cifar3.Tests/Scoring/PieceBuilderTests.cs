using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>How a stream is cut into pieces: small items by number, large ones by their bytes, so that a few photos are more than one thread's work.</summary>
public sealed class PieceBuilderTests
{
    private const int Most = 4;
    private const long Large = PieceBuilder<int>.MostBytes;

    /// <summary>Items of −1 are large; the others weigh as many bytes as they say.</summary>
    private static readonly int[] Items = [1, 2, 3, 4, 5, -1, -1, 6, -1, 7, 8];

    [Test]
    public async Task Stream_LargeItems_EndTheirPieces([Values] bool isAsync)
    {
        List<int[]> pieces = [];
        var stream = new PredictionStream<int>(Score, Most, ahead: 1, null, null, CancellationToken.None, item => item < 0 ? Large : item);

        int count = isAsync ? await stream.RunAsync(Items.ToAsyncEnumerable()).CountAsync() : stream.Run(Items).Count();

        Assert.That(count, Is.EqualTo(Items.Length));
        Assert.That(pieces.SelectMany(piece => piece), Is.EqualTo(Items), "all, in order");
        Assert.That(pieces.Max(piece => piece.Length), Is.LessThanOrEqualTo(Most));
        Assert.That(pieces.Where(piece => piece.Contains(-1)), Is.All.Matches<int[]>(piece => Array.IndexOf(piece, -1) == piece.Length - 1), "nothing stands behind a large one");
        if (!isAsync)
        {
            Assert.That(pieces.Select(piece => piece.Length), Is.EqualTo(new[] { 4, 2, 1, 2, 2 }));
        }

        PieceResult Score(IReadOnlyList<int> items, long first, CancellationToken stop)
        {
            pieces.Add([.. items]);
            return Result(items);
        }
    }

    [Test]
    public async Task Stream_Ahead_IsTheMostPiecesUnderWay([Values] bool isAsync, [Values(1, 3)] int ahead)
    {
        int running = 0, most = 0;
        var together = new Lock();
        var stream = new PredictionStream<int>(Score, pieceSize: 1, ahead, null, null, CancellationToken.None);

        int count = isAsync ? await stream.RunAsync(Items.ToAsyncEnumerable()).CountAsync() : stream.Run(Items).Count();

        Assert.That(count, Is.EqualTo(Items.Length));
        Assert.That(most, Is.LessThanOrEqualTo(ahead));

        PieceResult Score(IReadOnlyList<int> items, long first, CancellationToken stop)
        {
            lock (together)
            {
                most = Math.Max(most, ++running);
            }

            Thread.Sleep(20); // long enough that a further piece would begin
            lock (together)
            {
                running--;
            }

            return Result(items);
        }
    }

    [Test]
    public void OfFile_NoneThere_WeighsNothingAndThrowsNothing([Values("", "\0", "no such file.jpg", "/")] string path) => Assert.That(ItemWeight.OfFile(path), Is.Zero);

    [Test]
    public void OfFile_AFile_IsItsLength()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "photo.jpg");
        File.WriteAllBytes(path, new byte[12345]);

        Assert.That(ItemWeight.OfFile(path), Is.EqualTo(12345));
    }

    [Test]
    public void OfImage_Disposed_WeighsNothing()
    {
        var image = MLImage.CreateFromPixels(20, 10, MLPixelFormat.Rgba32, new byte[800]);
        long weight = ItemWeight.OfImage(image);
        image.Dispose();

        Assert.That(weight, Is.EqualTo(80));
        Assert.That(ItemWeight.OfImage(image), Is.Zero);
    }

    private static PieceResult Result(IReadOnlyList<int> items) => new([.. items.Select(_ => new ScoreRows(["a", "b"]).ReadAll([.25f, .75f])[0])], [], null);
}
