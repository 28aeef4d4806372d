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

    /// <summary>
    /// The instructions whose bits a level gives, such as <c>AVX2</c>: 128 bits with and without fused multiply-add are different sums.
    /// </summary>
    public static string Name(SimdLevel level) => level switch
    {
        SimdLevel.V512 => V512.Name,
        SimdLevel.V256 => V256.Name,
        _ => V128.Name == "SSE" && V128.IsFused ? "SSE and FMA" : V128.Name,
    };

    /// <summary>The level of a name; null where this processor has none of it.</summary>
    public static SimdLevel? Find(string name) => Available.Where(level => Name(level) == name).Cast<SimdLevel?>().FirstOrDefault();
}
