using System.Runtime.Intrinsics.X86;

namespace Cifar3.Tests;

/// <summary>Memory that products ask for on their way.</summary>
public sealed unsafe class MemoryAheadTests
{
    private const nint Image = 1000; // bytes

    [SetUp]
    public void Processor() => Assume.That(Sse.IsSupported, "Only x86 processors are asked.");

    [Test]
    public void Advance_ArraysOfSomeImages_GivesEachOnceInOrder()
    {
        MemoryAhead ahead = default;
        ahead.Add(new ImagesAhead(2, 5), (byte*)10_000, Image);
        ahead.Add(new ImagesAhead(2, 5), null, Image);
        ahead.Add(new ImagesAhead(3, 3), (byte*)20_000, Image);
        ahead.Add(new ImagesAhead(5, 6), (byte*)30_000, Image);

        List<(nint, nint)> ranges = [];
        for (ahead.Advance(); ahead.Next < ahead.End; ahead.Next = ahead.End, ahead.Advance())
        {
            ahead.Advance(); // not before this one is done
            ranges.Add(((nint)ahead.Next, (nint)ahead.End));
        }

        Assert.That(ranges, Is.EqualTo(new (nint, nint)[] { (12_000, 15_000), (35_000, 36_000) }));
        ahead.Clear();
        ahead.Advance();
        Assert.That(ahead.Next == null && ahead.End == null);
    }

    [TestCase(8, 1, 32)] // the steps of A side by side
    [TestCase(1, 32, 8)] // its rows
    public void Multiply_MemoryToAskFor_IsWalkedThroughAndChangesNoBit(int aRow, int aStep, int rows)
    {
        using var arena = new Arena();
        const int columns = 64, depth = 8;
        float* a = arena.Floats("a", 256), b = arena.Floats("b", depth * columns), plain = arena.Floats("plain", rows * columns), asking = arena.Floats("asking", rows * columns), soon = arena.Floats("soon", 4096);
        var random = new Random(1);
        for (int i = 0; i < 256; i++)
        {
            a[i] = random.NextSingle();
        }

        for (int i = 0; i < depth * columns; i++)
        {
            b[i] = random.NextSingle();
        }

        MemoryAhead ahead = default;
        ahead.Add(new ImagesAhead(0, 1), (byte*)soon, 3 * MemoryAhead.Line); // the second line of a pair may lie behind the end
        ahead.Add(new ImagesAhead(0, 1), (byte*)(soon + 1024), MemoryAhead.Line);
        int panel = 2 * V128.Width;
        var product = new MatrixProduct { A = a, ARow = aRow, AStep = aStep, B = b, BStep = panel, BPanel = depth * panel, C = plain, CRow = columns, CPanel = panel, Rows = rows, Columns = columns, Depth = depth, Chain = 4 };

        WinogradGemm.Multiply<V128>(in product);
        product.C = asking;
        product.Ahead = &ahead;
        WinogradGemm.Multiply<V128>(in product);

        Assert.That(new ReadOnlySpan<float>(asking, rows * columns).SequenceEqual(new ReadOnlySpan<float>(plain, rows * columns)) && plain[rows * columns - 1] > 0);
        Assert.That((nint)ahead.Next, Is.EqualTo((nint)(soon + 1024) + 2 * MemoryAhead.Line), "all of the first range, then all of the second");
    }
}
