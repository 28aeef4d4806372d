using Cifar3.Benchmarks;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// The convolutions against the same sums in C#, in the order that <c>convolution.cl</c> states, with <see cref="MathF.FusedMultiplyAdd"/>: the
/// same bits, or a kernel reads a wrong number somewhere. Sizes that fill no tile, and sizes that fill several.
/// </summary>
[TestFixtureSource(nameof(Shapes))]
public sealed class GpuConvolutionTests(GpuHost host, int n, int h, int w, int c, int k, int pad) : GpuTestBase(host)
{
    private static readonly int[][] Sizes =
    [
        [1, 3, 3, 1, 1, 0],
        [2, 6, 7, 3, 5, 1],
        [3, 5, 6, 17, 70, 0],
        [2, 8, 8, 32, 36, 1],
        [1, 7, 5, 65, 16, 1],
        [3, 9, 7, 16, 48, 0], // both channels multiples of 16, and more pixels than two tables
    ];

    private static IEnumerable<object[]> Shapes => from host in Enum.GetValues<GpuHost>() from size in Sizes select (object[])[host, .. size];

    private ReferenceConvolution Reference => new(n, h, w, c, k, pad);

    private int M => Reference.M;

    /// <summary>Ends of the kernels' names: those that load four numbers at once want channels that are multiples.</summary>
    private IEnumerable<(string Kind, int KernelAt)> Kinds(bool isWide) => isWide ? [("", 1), ("", 4), ("_wide", 4)] : [("", 1), ("", 4)];

    [Test]
    public void Forward_Always_IsTheSameSumInCSharp()
    {
        using var device = Open();
        foreach (var (kind, kernelAt) in Kinds(c % 16 == 0 && k % 4 == 0))
        {
            float[] x = RandomFloats(n * h * w * c, 1), parameters = RandomFloats(9 * c * k + k + 6, 2, .1f);
            int biasAt = kernelAt + 9 * c * k;
            float[] expected = Reference.Forward(x, parameters, kernelAt, biasAt);

            var y = Buffer(device, new float[M * k]);
            device.Launch(device.Kernel("conv_forward" + kind), GpuConvolution.Rows(M), GpuConvolution.Columns(k), 1, Buffer(device, x), Buffer(device, parameters), kernelAt, biasAt, y, n, h, w, c, Reference.OH, Reference.OW, k, pad, 9 * c);

            AssertSameBits(Read<float>(device, y, M * k), expected, $"y{kind}");
            Assert.That(expected.Count(value => value > 0), Is.InRange(expected.Length / 10, expected.Length), "ReLU holds some and lets some pass");
        }
    }

    [Test]
    public void BackwardInput_Always_IsTheSameSumInCSharp()
    {
        using var device = Open();
        foreach (var (kind, kernelAt) in Kinds(k % 16 == 0))
        {
            float[] dy = RandomFloats(M * k, 3), parameters = RandomFloats(9 * c * k + 4, 4, .1f), expected = Reference.BackwardInput(dy, parameters, kernelAt);

            var dx = Buffer(device, new float[expected.Length]);
            device.Launch(device.Kernel("conv_backward_input" + kind), GpuConvolution.Rows(n * h * w), GpuConvolution.Columns(c), 1, Buffer(device, dy), Buffer(device, parameters), kernelAt, dx, n, h, w, c, Reference.OH, Reference.OW, k, pad, 9 * k);

            AssertSameBits(Read<float>(device, dx, expected.Length), expected, $"dx{kind}");
        }
    }

    /// <summary>The summed index cut in slices of 64 products, and the slices joined.</summary>
    [Test]
    public void Products_InSlices_AreTheSameSumsInCSharp()
    {
        using var device = Open();
        const int kernelAt = 4, perSlice = 64;
        foreach (var (kind, _) in Kinds(c % 16 == 0 && k % 16 == 0).Skip(1))
        {
            float[] x = RandomFloats(n * h * w * c, 1), dy = RandomFloats(M * k, 3), parameters = RandomFloats(9 * c * k + k + 6, 2, .1f);
            int biasAt = kernelAt + 9 * c * k, slices = (9 * c + perSlice - 1) / perSlice, inputSlices = (9 * k + perSlice - 1) / perSlice;
            var (gx, gdy, gp) = (Buffer(device, x), Buffer(device, dy), Buffer(device, parameters));
            var (part, y) = (Buffer(device, new float[slices * M * k]), Buffer(device, new float[M * k]));
            var (inputPart, dx) = (Buffer(device, new float[inputSlices * x.Length]), Buffer(device, new float[x.Length]));

            device.Launch(device.Kernel("conv_forward" + kind), GpuConvolution.Rows(M), GpuConvolution.Columns(k), slices, gx, gp, kernelAt, biasAt, slices == 1 ? y : part, n, h, w, c, Reference.OH, Reference.OW, k, pad, perSlice);
            device.Launch(device.Kernel("conv_backward_input" + kind), GpuConvolution.Rows(n * h * w), GpuConvolution.Columns(c), inputSlices, gdy, gp, kernelAt, inputPart, n, h, w, c, Reference.OH, Reference.OW, k, pad, perSlice);
            if (slices > 1)
            {
                device.Launch(device.Kernel("conv_join"), Groups(M * k), 1, 1, part, slices, gp, biasAt, 1, y, M * k, k);
            }

            device.Launch(device.Kernel("conv_join"), Groups(x.Length), 1, 1, inputPart, inputSlices, gp, biasAt, 0, dx, x.Length, c);

            AssertSameBits(Read<float>(device, y, M * k), Reference.Forward(x, parameters, kernelAt, biasAt, perSlice), $"y{kind}");
            AssertSameBits(Read<float>(device, dx, x.Length), Reference.BackwardInput(dy, parameters, kernelAt, perSlice), $"dx{kind}");
        }
    }

    /// <summary>Kernel and bias; in slices that fill the table of pixels and in slices that do not.</summary>
    [TestCase(1000)]
    [TestCase(17)]
    public void BackwardWeights_InSlices_IsTheSameSumInCSharp(int perSlice)
    {
        int slices = (M + perSlice - 1) / perSlice;
        float[] x = RandomFloats(n * h * w * c, 5), dy = RandomFloats(M * k, 6), expected = Reference.BackwardWeights(x, dy, perSlice);

        using var device = Open();
        foreach (var (kind, _) in Kinds(c % 4 == 0 && k % 4 == 0).Skip(1))
        {
            var part = Buffer(device, new float[expected.Length]);
            device.Launch(device.Kernel("conv_backward_weights" + kind), GpuConvolution.Rows(9 * c), GpuConvolution.Columns(k), slices, Buffer(device, x), Buffer(device, dy), part, n, h, w, c, Reference.OH, Reference.OW, k, pad, perSlice);

            AssertSameBits(Read<float>(device, part, expected.Length), expected, $"part{kind}");
        }
    }
}
