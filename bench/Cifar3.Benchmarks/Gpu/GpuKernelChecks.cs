using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Cifar3.Training;

namespace Cifar3.Benchmarks;

/// <summary>The kernels one by one: what the driver's compiler made of them, the convolutions' bits beside C#, statistics beside float64.</summary>
internal static partial class GpuKernelChecks
{
    private const int MostRegisters = 255;

    private static readonly ReferenceConvolution[] Shapes = [new(3, 5, 6, 17, 70, 0), new(2, 8, 8, 32, 36, 1), new(1, 7, 5, 65, 16, 1), new(2, 9, 7, 32, 64, 0)];

    public static void Run(GpuDevice device, GpuFindings findings)
    {
        if (device is CudaDevice cuda)
        {
            Resources(cuda, findings);
        }

        foreach (var shape in Shapes)
        {
            Convolution(device, shape, findings);
        }

        Statistics(device, findings);
    }

    /// <summary>Local memory means registers that did not suffice: a convolution would lose most of its speed.</summary>
    private static void Resources(CudaDevice device, GpuFindings findings)
    {
        var found = KernelName().Matches(GpuKernels.Source).Select(m => m.Groups["name"].Value).Select(name => (Name: name, device.Resources(device.Kernel(name)).Registers, device.Resources(device.Kernel(name)).LocalBytes)).ToList();
        findings.Add("registers of a work-item", string.Join(", ", found.OrderByDescending(k => k.Registers).Take(4).Select(k => $"{k.Name} {k.Registers}")));
        findings.Check("local memory of all kernels, bytes", found.All(k => k.LocalBytes == 0), string.Join(", ", found.Where(k => k.LocalBytes > 0).Select(k => $"{k.Name} {k.LocalBytes}").DefaultIfEmpty("0")), "0");
        findings.Check("registers", found.All(k => k.Registers < MostRegisters), $"{found.Max(k => k.Registers)}", $"< {MostRegisters}");
    }

    private static void Convolution(GpuDevice device, ReferenceConvolution shape, GpuFindings findings)
    {
        var (n, h, w, c, k, pad) = shape;
        const int perSlice = 50;
        int slices = (shape.M + perSlice - 1) / perSlice, biasAt = 9 * c * k;
        float[] x = Floats(n * h * w * c, 1), parameters = Floats(biasAt + k, 2), dy = Floats(shape.M * k, 3);
        GpuBuffer gx = Buffer(device, x), gp = Buffer(device, parameters), gdy = Buffer(device, dy);
        float[] forward = shape.Forward(x, parameters, 0, biasAt), input = shape.BackwardInput(dy, parameters, 0), weights = shape.BackwardWeights(x, dy, perSlice);
        foreach (string kind in c % 16 == 0 && k % 16 == 0 ? (string[])["", "_wide"] : [""])
        {
            GpuBuffer y = Buffer(device, new float[shape.M * k]), dx = Buffer(device, new float[x.Length]), part = Buffer(device, new float[weights.Length]);
            device.Launch(device.Kernel("conv_forward" + kind), GpuConvolution.Rows(shape.M), GpuConvolution.Columns(k), 1, gx, gp, 0, biasAt, y, n, h, w, c, shape.OH, shape.OW, k, pad, 9 * c);
            device.Launch(device.Kernel("conv_backward_input" + kind), GpuConvolution.Rows(n * h * w), GpuConvolution.Columns(c), 1, gdy, gp, 0, dx, n, h, w, c, shape.OH, shape.OW, k, pad, 9 * k);
            device.Launch(device.Kernel("conv_backward_weights" + kind), GpuConvolution.Rows(9 * c), GpuConvolution.Columns(k), slices, gx, gdy, part, n, h, w, c, shape.OH, shape.OW, k, pad, perSlice);
            int[] differences = [Differences(device, y, forward), Differences(device, dx, input), Differences(device, part, weights)];
            findings.Check($"convolution {n}×{h}×{w}×{c} → {k}{kind.Replace('_', ' ')}: forward, dx, dw beside C#, numbers with other bits", differences.Sum() == 0, string.Join(", ", differences), "0, 0, 0");
        }
    }

    private static void Statistics(GpuDevice device, GpuFindings findings)
    {
        const int rows = 5000, c = 3, tileRows = 128;
        int tiles = (rows + tileRows - 1) / tileRows;
        float[] y = [.. Floats(rows * c, 4).Select(value => 1000 + .1f * value)];
        GpuBuffer part = Buffer(device, new float[tiles * 3 * c]), norms = Buffer(device, new float[3 * c]);
        device.Launch(device.Kernel("norm_tiles"), tiles, 1, 1, Buffer(device, y), part, rows, c, tileRows);
        device.Launch(device.Kernel("norm_statistics"), c, 1, 1, part, norms, 0, c, 2 * c, rows, c, tileRows, 1e-3f);

        float[] found = Read(device, norms, 3 * c);
        double worst = Enumerable.Range(0, c).Select(channel =>
        {
            double[] values = [.. y.Where((_, i) => i % c == channel).Select(value => (double)value)];
            double mean = values.Average(), variance = values.Average(value => (value - mean) * (value - mean));
            return Math.Max(Math.Abs(found[channel] / mean - 1), Math.Abs(found[c + channel] / variance - 1));
        }).Aggregate(0.0, Math.Max); // NaN stays, which LINQ's Max passes over
        findings.AtMost("batch statistics of 1000 ± 0.01, relative to float64", worst, 4e-7);
    }

    private static float[] Floats(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - .5) / 5)];
    }

    private static GpuBuffer Buffer(GpuDevice device, float[] values)
    {
        var buffer = device.Allocate(values.Length * sizeof(float));
        device.Write(buffer, MemoryMarshal.AsBytes(values.AsSpan()));
        return buffer;
    }

    private static float[] Read(GpuDevice device, GpuBuffer buffer, int count)
    {
        float[] values = new float[count];
        device.Read(buffer, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    private static int Differences(GpuDevice device, GpuBuffer buffer, float[] expected) =>
        Read(device, buffer, expected.Length).Zip(expected).Count(pair => BitConverter.SingleToInt32Bits(pair.First) != BitConverter.SingleToInt32Bits(pair.Second));

    [GeneratedRegex(@"^KERNEL (?<name>\w+)\(", RegexOptions.Multiline)]
    private static partial Regex KernelName();
}
