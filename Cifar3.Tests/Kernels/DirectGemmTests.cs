using Cifar3.Training;

namespace Cifar3.Tests;

[TestFixtureSource(typeof(Widths), nameof(Widths.All))]
[Category(TestCategories.Numerics)]
internal sealed unsafe class DirectGemmTests<V>
    where V : struct, ISimd<V>
{
    [Test]
    public void Run_AnyShapeAndStrides_IsTheDoubleSum([Values(1, 2)] int vectors, [Range(1, 20)] int rows)
    {
        using var data = new KernelTestData(rows * 10 + vectors);
        int columns = vectors * V.Width, outer = data.Next(0, 6), inner = data.Next(1, 20);
        int aInner = data.Next(1, 4), aOuter = aInner * inner + data.Next(0, 3), aRow = aOuter * outer + 2;
        int bInner = columns + data.Next(0, 5), bOuter = bInner * inner + 3;
        int cRow = columns + data.Next(0, 5);
        bool add = data.Next(0, 1) == 1;
        float* a = data.Floats(aRow * rows), b = data.Floats(Math.Max(bOuter * outer, 1)), c = data.Floats(cRow * rows), init = add ? c : data.Floats(columns);
        int initRow = add ? cRow : 0;
        var expected = new double[rows * columns];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                double sum = init[row * initRow + column];
                for (int o = 0; o < outer; o++)
                    for (int k = 0; k < inner; k++)
                        sum += (double)a[row * aRow + o * aOuter + k * aInner] * b[o * bOuter + k * bInner + column];
                expected[row * columns + column] = Math.Max(-0.5, sum);
            }
        }

        float beyond = c[cRow - 1];
        DirectGemm.Run<V>(rows, columns, new GemmTask
        {
            A = a,
            ARow = aRow,
            AOuter = aOuter,
            AInner = aInner,
            B = b,
            BOuter = bOuter,
            BInner = bInner,
            C = c,
            CRow = cRow,
            Init = init,
            InitRow = initRow,
            Outer = outer,
            Inner = inner,
            Floor = -0.5f,
        });

        for (int i = 0; i < expected.Length; i++)
        {
            Assert.That(c[i / columns * cRow + i % columns], Is.EqualTo(expected[i]).Within(2e-5), $"row {i / columns}, column {i % columns}");
        }

        Assert.That(cRow == columns || c[cRow - 1] == beyond, "wrote behind the last column");
    }

    [Test]
    public void Run_NotANumber_IsNotHiddenByTheFloor()
    {
        using var data = new KernelTestData(1);
        float* a = data.Floats(1), b = data.Floats(V.Width), c = data.Floats(V.Width);
        a[0] = float.NaN;

        DirectGemm.Run<V>(1, V.Width, new GemmTask { A = a, B = b, C = c, Init = b, Outer = 1, Inner = 1, Floor = 0 });

        Assert.That(c[0], Is.NaN);
    }
}
