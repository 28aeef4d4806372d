using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The micro-kernel at every row count, narrow panels included, packed and row-major, = and +=.</summary>
[Category(TestCategories.Numerics)]
public unsafe class WinogradGemmTests
{
    private static IEnumerable<string> Levels() => SimdLevels.Available.Select(level => $"{level}");

    [TestCaseSource(nameof(Levels))]
    public void Multiply_AnySize_MatchesDouble(string level)
    {
        for (int rows = 1; rows <= 20; rows++)
        {
            for (int columns = 16; columns <= 80; columns += 16)
            {
                double error = Enum.Parse<SimdLevel>(level) switch
                {
                    SimdLevel.V512 => Run<V512>(rows, columns, 1 + rows * 3 % 37),
                    SimdLevel.V256 => Run<V256>(rows, columns, 1 + rows * 3 % 37),
                    _ => Run<V128>(rows, columns, 1 + rows * 3 % 37),
                };
                Assert.That(error, Is.LessThan(1e-6), $"{rows} rows, {columns} columns");
            }
        }
    }

    [TestCaseSource(nameof(Levels))]
    public void Multiply_OneRow_HasTheBitsThatItHasAmongMany(string level)
    {
        for (int columns = 16; columns <= 304; columns += 16)
        {
            bool same = Enum.Parse<SimdLevel>(level) switch
            {
                SimdLevel.V512 => IsSameAlone<V512>(columns),
                SimdLevel.V256 => IsSameAlone<V256>(columns),
                _ => IsSameAlone<V128>(columns),
            };
            Assert.That(same, Is.True, $"{columns} columns");
        }
    }

    // B packed by panels, as the network's weights are; sums of 70 in chains of 32.
    private static bool IsSameAlone<V>(int columns)
        where V : struct, ISimd<V>
    {
        const int rows = 5, depth = 70;
        using var arena = new Arena();
        int panel = 2 * V.Width;
        float* a = Draw(arena, rows * depth, 3), b = Draw(arena, depth * columns, 4), many = arena.Floats("many", rows * columns), one = arena.Floats("one", columns + 16);
        var product = new MatrixProduct
        {
            A = a,
            ARow = depth,
            AStep = 1,
            B = b,
            BStep = Math.Min(panel, columns),
            BPanel = depth * panel,
            C = many,
            CRow = columns,
            CPanel = panel,
            Rows = rows,
            Columns = columns,
            Depth = depth,
            Chain = 32,
        };
        WinogradGemm.Multiply<V>(in product);
        product.A = a + 2 * depth;
        product.C = one;
        product.Rows = 1;
        WinogradGemm.Multiply<V>(in product);
        return new ReadOnlySpan<float>(one, columns).SequenceEqual(new ReadOnlySpan<float>(many + 2 * columns, columns)) && !new ReadOnlySpan<float>(one + columns, 16).ContainsAnyExcept(0f);
    }

    // C += Aᵀ·B with A [depth, rows], B row-major, C packed; then C = A·B again over it, row-major.
    private static double Run<V>(int rows, int columns, int depth)
        where V : struct, ISimd<V>
    {
        using var arena = new Arena();
        int panel = 2 * V.Width;
        float* a = Draw(arena, rows * depth, 1), b = Draw(arena, depth * columns, 2), packed = arena.Floats("packed", rows * columns + 16), c = arena.Floats("c", rows * columns + 16);
        var product = new MatrixProduct
        {
            A = a,
            ARow = 1,
            AStep = rows,
            B = b,
            BStep = columns,
            BPanel = panel,
            C = packed,
            CRow = Math.Min(panel, columns),
            CPanel = rows * panel,
            Rows = rows,
            Columns = columns,
            Depth = depth,
            Chain = 10,
        };
        WinogradGemm.Multiply<V>(in product);
        WinogradGemm.MultiplyAdd<V>(in product);
        product.C = c;
        (product.CRow, product.CPanel) = (columns, panel);
        WinogradGemm.Multiply<V>(in product);
        double worst = Math.Abs(packed[rows * columns]) + Math.Abs(c[rows * columns]); // nothing behind the last element
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                double sum = 0;
                for (int k = 0; k < depth; k++)
                {
                    sum += (double)a[k * rows + i] * b[k * columns + j];
                }

                int start = j / panel * panel, width = Math.Min(panel, columns - start);
                worst = EngineComparison.Worse(worst, Math.Abs(sum - c[i * columns + j]) / depth);
                worst = EngineComparison.Worse(worst, Math.Abs(2 * sum - packed[start * rows + i * width + j - start]) / (2 * depth));
            }
        }

        return worst;
    }

    private static float* Draw(Arena arena, int count, int seed)
    {
        var random = new PhiloxRandom(seed, RandomStreams.Examples);
        float* values = arena.Floats("values", count);
        for (int i = 0; i < count; i++)
        {
            values[i] = 2 * random.NextSingle() - 1;
        }

        return values;
    }
}
