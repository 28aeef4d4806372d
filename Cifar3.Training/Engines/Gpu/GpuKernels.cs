using System.Text;

namespace Cifar3.Training;

/// <summary>The kernels' text: the files of the folder <c>Kernels</c>, embedded, as one program.</summary>
internal static class GpuKernels
{
    /// <summary>The files in the order in which they make one text: what all share comes first.</summary>
    public static IReadOnlyList<string> Files { get; } = ["common.cl", "convolution.cl", "sums.cl", "normalization.cl", "pooling.cl", "dense.cl", "update.cl"];

    /// <summary>The whole text.</summary>
    public static string Source { get; } = string.Concat(Files.Select(Read));

    private static string Read(string file)
    {
        using var stream = typeof(GpuKernels).Assembly.GetManifestResourceStream($"Gpu.{file}")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
