namespace Cifar3.Tests;

/// <summary>
/// The categories of tests. A plain <c>dotnet test</c> runs all that are quick and need nothing; the others run by name:
/// <c>dotnet test Cifar3.Tests -c Release --filter TestCategory=Packages</c>.
/// </summary>
internal static class TestCategories
{
    /// <summary>Kernels and engines: run once more as processors with fewer instructions compute them (<c>DOTNET_EnableAVX512=0</c>, <c>DOTNET_EnableAVX2=0</c>).</summary>
    public const string Numerics = nameof(Numerics);

    /// <summary>Packs the libraries and builds programs of users against them: minutes of <c>dotnet</c> in other processes. Not in a plain run.</summary>
    public const string Packages = nameof(Packages);

    /// <summary>Needs Chromium. Not in a plain run.</summary>
    public const string Browser = nameof(Browser);

    /// <summary>Restores ONNX Runtime's CUDA build, 600 MB, or needs a GPU. Not in a plain run.</summary>
    public const string Gpu = nameof(Gpu);

    /// <summary>Takes minutes by its nature: stress, kills, large numbers of mutations. Not in a plain run.</summary>
    public const string Slow = nameof(Slow);
}
