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
    ];

    private static IEnumerable<object[]> Shapes => from host in Enum.GetValues<GpuHost>() from size in Sizes select (object[])[host, .. size];

    private ReferenceConvolution Reference => new(n, h, w, c, k, pad);

    private int M => Reference.M;

    [Test]
    public void Forward_Always_IsTheSameSumInCSharp()
    {
        const int kernelAt = 1; // a place that is not aligned
        float[] x = RandomFloats(n * h * w * c, 1), parameters = RandomFloats(9 * c * k + k + 3, 2, .1f);
        int biasAt = kernelAt + 9 * c * k;
        float[] expected = Reference.Forward(x, parameters, kernelAt, biasAt);

        using var device = Open();
        var y = Buffer(device, new float[M * k]);
        device.Launch(device.Kernel("conv_forward"), Tiles(M), Tiles(k), 1, Buffer(device, x), Buffer(device, parameters), kernelAt, biasAt, y, n, h, w, c, Reference.OH, Reference.OW, k, pad);

        AssertSameBits(Read<float>(device, y, M * k), expected, "y");
        Assert.That(expected.Count(value => value > 0), Is.InRange(expected.Length / 10, expected.Length), "ReLU holds some and lets some pass");
    }

    [Test]
    public void BackwardInput_Always_IsTheSameSumInCSharp()
    {
        const int kernelAt = 2;
        float[] dy = RandomFloats(M * k, 3), parameters = RandomFloats(9 * c * k + 2, 4, .1f), expected = Reference.BackwardInput(dy, parameters, kernelAt);

        using var device = Open();
        var dx = Buffer(device, new float[expected.Length]);
        device.Launch(device.Kernel("conv_backward_input"), Tiles(n * h * w), Tiles(c), 1, Buffer(device, dy), Buffer(device, parameters), kernelAt, dx, n, h, w, c, Reference.OH, Reference.OW, k, pad);

        AssertSameBits(Read<float>(device, dx, expected.Length), expected, "dx");
    }

    [TestCase(1000)]
    [TestCase(17)]
    public void BackwardWeights_InSlices_IsTheSameSumInCSharp(int perSlice)
    {
        int slices = (M + perSlice - 1) / perSlice;
        float[] x = RandomFloats(n * h * w * c, 5), dy = RandomFloats(M * k, 6), expected = Reference.BackwardWeights(x, dy, perSlice);

        using var device = Open();
        var part = Buffer(device, new float[expected.Length]);
        device.Launch(device.Kernel("conv_backward_weights"), Tiles(9 * c), Tiles(k), slices, Buffer(device, x), Buffer(device, dy), part, n, h, w, c, Reference.OH, Reference.OW, k, pad, perSlice);

        AssertSameBits(Read<float>(device, part, expected.Length), expected, "part");
    }

    private static int Tiles(int rows) => (rows + 63) / 64;
}
