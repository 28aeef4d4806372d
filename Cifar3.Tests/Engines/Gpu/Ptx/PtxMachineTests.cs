using System.Text.RegularExpressions;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The stand-in for a card finds what a card would do wrong: kernels spoilt on purpose.</summary>
public sealed partial class PtxMachineTests
{
    private const int N = 1, H = 5, W = 5, C = 3, K = 4;

    [Test]
    public void Convolution_AsItIs_GivesNumbers()
    {
        var (y, faults) = Convolve(ptx => ptx);

        Assert.That(faults, Is.Empty);
        Assert.That(y, Is.All.InRange(0, 100));
    }

    [Test]
    public void Convolution_WithoutBarriers_IsAnother() =>
        Assert.That(Convolve(ptx => Barrier().Replace(ptx, "")).Y, Is.Not.EqualTo(Convolve(ptx => ptx).Y));

    /// <summary>The first barrier, which only work-items below 32 reach.</summary>
    [Test]
    public void Convolution_BarrierThatNotAllReach_IsRefused()
    {
        var (_, faults) = Convolve(ptx => WorkItem().Replace(ptx, "$0\n\tsetp.lt.s32 \t%p0, ${register}, 32;\n\t@!%p0 ret;"));

        Assert.That(faults.Single(), Is.EqualTo("conv_forward: not all work-items of a group reach the same barrier."));
    }

    [Test]
    public void Convolution_LoadThatIsNotAligned_IsRefused()
    {
        var (_, faults) = Convolve(ptx => FourNumbers().Replace(ptx, m => $"{m.Groups["load"].Value}+4]", 1));

        Assert.That(faults.Single(), Does.StartWith("conv_forward: 16 bytes at ").And.Contains("of shared memory"));
    }

    [Test]
    public void Convolution_GroupsOfAnotherSize_AreRefused() =>
        Assert.That(() => Convolve(ptx => ptx.Replace(".reqntid 64, 1, 1", ".reqntid 128, 1, 1", StringComparison.Ordinal)), Throws.TypeOf<GpuException>().With.Message.Contains("refused a launch"));

    [Test]
    public void Convolution_UnknownInstruction_IsAnError() =>
        Assert.That(() => PtxKernel.Parse(GpuKernels.Ptx.Replace("fma.rn.f32", "fma.rn.ftz.f32", StringComparison.Ordinal), ["conv_forward"]), Throws.TypeOf<NotSupportedException>().With.Message.Contains("fma.rn.ftz.f32"));

    private static (float[] Y, List<string> Faults) Convolve(Func<string, string> spoil)
    {
        var cuda = new FakeCuda();
        string ptx = GpuKernels.Ptx;
        int end = ptx.IndexOf(".visible .entry conv_backward_input", StringComparison.Ordinal); // conv_forward is the first
        using var device = cuda.Open(ptx: spoil(ptx[..end]));
        float[] x = [.. Enumerable.Range(0, N * H * W * C).Select(i => i % 7 - 3f)], parameters = [.. Enumerable.Range(0, 9 * C * K + K).Select(i => i % 5 / 10f)], y = new float[N * H * W * K];
        var to = GpuTestBase.Buffer(device, y);
        device.Launch(device.Kernel("conv_forward"), 1, 1, 1, GpuTestBase.Buffer(device, x), GpuTestBase.Buffer(device, parameters), 0, 9 * C * K, to, N, H, W, C, H, W, K, 1, 9 * C);
        try
        {
            return (GpuTestBase.Read<float>(device, to, y.Length), cuda.Faults);
        }
        catch (GpuException) when (cuda.Faults.Count > 0)
        {
            return (y, cuda.Faults);
        }
    }

    [GeneratedRegex(@"\tmov\.u32 \t(?<register>%r\d+), %tid\.x;")]
    private static partial Regex WorkItem();

    [GeneratedRegex(@"\tbar\.sync \t0;\n")]
    private static partial Regex Barrier();

    [GeneratedRegex(@"(?<load>ld\.shared\.v4\.f32 \t\{[^}]*\}, \[%rd\d+)\]")]
    private static partial Regex FourNumbers();
}
