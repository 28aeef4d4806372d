using Cifar3.Training;

namespace Cifar3.Tests;

[TestFixtureSource(typeof(Widths), nameof(Widths.All))]
[Category(TestCategories.Numerics)]
internal sealed unsafe class SimdTests<V>
    where V : struct, ISimd<V>
{
    [Test]
    public void Arithmetic_RandomElements_IsThatOfFloats()
    {
        using var data = new KernelTestData(2);
        float* x = data.Floats(V.Width), y = data.Floats(V.Width), z = data.Floats(V.Width);
        V a = V.Load(x), b = V.Load(y), c = V.Load(z);

        Assert.Multiple(() =>
        {
            Check("+", a + b, (i, j, k) => i + j, 0);
            Check("-", a - b, (i, j, k) => i - j, 0);
            Check("*", a * b, (i, j, k) => i * j, 0);
            Check("/", a / b, (i, j, k) => i / j, 0);
            Check("fma", V.Fma(a, b, c), (i, j, k) => MathF.FusedMultiplyAdd(i, j, k), 1e-6);
            Check("sqrt", V.Sqrt(a * a), (i, j, k) => MathF.Sqrt(i * i), 0);
            Check("max", V.Max(a, b), (i, j, k) => MathF.Max(i, j), 0);
            Check("greater", V.IfGreater(a, b, c, a), (i, j, k) => i > j ? k : i, 0);
            Check("equal", V.IfEqual(a, a, c, b), (i, j, k) => k, 0);
            Check("not equal", V.IfEqual(a, b, c, b), (i, j, k) => j, 0);
            Check("broadcast", V.Broadcast(3), (i, j, k) => 3, 0);
        });

        void Check(string what, V result, Func<float, float, float, float> expected, double within)
        {
            float* r = data.Floats(V.Width);
            V.Store(r, result);
            for (int i = 0; i < V.Width; i++)
            {
                Assert.That(r[i], Is.EqualTo(expected(x[i], y[i], z[i])).Within(within), what);
            }
        }
    }

    [Test]
    public void Max_SecondIsNotANumber_IsNotANumber()
    {
        using var data = new KernelTestData(3);
        float* r = data.Floats(V.Width);

        V.Store(r, V.Max(V.Broadcast(1), V.Broadcast(float.NaN)));

        Assert.That(r[V.Width - 1], Is.NaN);
    }

    [Test]
    public void Bytes_AllValues_LoadAndStoreAsThemselves()
    {
        using var data = new KernelTestData(4);
        byte* bytes = data.Arena.Allocate("bytes", 256), copy = data.Arena.Allocate("copy", 256);
        float* floats = data.Floats(V.Width);
        for (int i = 0; i < 256; i++)
        {
            bytes[i] = (byte)i;
        }

        for (int i = 0; i < 256; i += V.Width)
        {
            V value = V.LoadBytes(bytes + i);
            V.Store(floats, value);
            Assert.That(floats[V.Width - 1], Is.EqualTo(i + V.Width - 1));
            V.StoreBytes(copy + i, value);
        }

        Assert.That(new Span<byte>(copy, 256).ToArray(), Is.EqualTo(Enumerable.Range(0, 256)));
    }

    [Test]
    public void AddTo_Doubles_AreExact()
    {
        using var data = new KernelTestData(5);
        float* x = data.Floats(V.Width), y = data.Floats(V.Width);
        double* sums = data.Arena.Doubles("sums", 2 * V.Width);
        new Span<double>(sums, 2 * V.Width).Fill(1e6);

        V.AddTo(sums, V.Load(x));
        V.AddProductTo(sums + V.Width, V.Load(x), V.Load(y));

        for (int i = 0; i < V.Width; i++)
        {
            Assert.That(sums[i], Is.EqualTo(1e6 + x[i]));
            Assert.That(sums[V.Width + i], Is.EqualTo(1e6 + (double)x[i] * y[i]));
        }
    }
}

public sealed class SimdLevelTests
{
    [Test]
    public void Best_ProcessorWithAvx512_IsThatAlsoWhereNetPrefers256Bits()
    {
        Assume.That(System.Runtime.Intrinsics.X86.Avx512F.IsSupported, "This processor has no AVX-512, or it is switched off.");

        Assert.That(SimdLevels.Best, Is.EqualTo(SimdLevel.V512));
    }
}
