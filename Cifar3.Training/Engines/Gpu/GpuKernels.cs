using System.Text;

namespace Cifar3.Training;

/// <summary>The kernels: the files of the folder <c>Kernels</c>, embedded, as one program; and what clang makes of it for NVIDIA's driver.</summary>
internal static class GpuKernels
{
    /// <summary>The files in the order in which they make one text: what all share comes first.</summary>
    public static IReadOnlyList<string> Files { get; } = ["common.cl", "convolution.cl", "convolution_weights.cl", "sums.cl", "normalization.cl", "pooling.cl", "dense.cl", "update.cl"];

    /// <summary>The whole text.</summary>
    public static string Source { get; } = string.Concat(Files.Select(Read));

    /// <summary>The same as PTX, <c>kernels.ptx</c>; <c>make-ptx.sh</c> made it.</summary>
    public static string Ptx => Read("kernels.ptx");

    private static string Read(string file)
    {
        using var stream = typeof(GpuKernels).Assembly.GetManifestResourceStream($"Gpu.{file}")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
