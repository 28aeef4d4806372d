namespace Cifar3;

/// <summary>The vector widths that the kernels run on.</summary>
internal enum SimdLevel
{
    V128,
    V256,
    V512,
}

/// <summary>Chooses the vector width of an engine. DOTNET_EnableAVX512=0 and DOTNET_EnableAVX2=0 take the wider ones away.</summary>
internal static class SimdLevels
{
    /// <summary>The widest that this processor computes in hardware; 128 bits exist everywhere.</summary>
    public static SimdLevel Best => V512.IsSupported ? SimdLevel.V512 : V256.IsSupported ? SimdLevel.V256 : SimdLevel.V128;

    /// <summary>All that this processor computes in hardware, widest first: what tests run over.</summary>
    public static IEnumerable<SimdLevel> Available => Enum.GetValues<SimdLevel>().Where(level => level <= Best).Reverse();
}
