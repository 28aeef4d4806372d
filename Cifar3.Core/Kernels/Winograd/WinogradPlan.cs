namespace Cifar3;

/// <summary>The tiles that a convolution of the network is computed in: 6×6 outputs rather than 4×4, and how many make a block.</summary>
/// <remarks>
/// Tiles of 6×6 where they fit 30, 12 and 6 exactly, of 4×4 for 15 and 4; blocks of 16 to 32 tiles stay in the L2 cache. Without fused
/// multiply-add tiles of 6×6 would double the rounding error of a whole step: ReLUs and poolings near a tie then choose otherwise.
/// </remarks>
internal readonly record struct WinogradPlan(bool Large, int Capacity)
{
    /// <summary>A block's first convolution ("same"), of blocks 1 and 2; block 0's has too few channels for Winograd's transforms to pay.</summary>
    public static WinogradPlan Same<V>(int block)
        where V : struct, ISimd<V> => new(V.IsFused && block == 2, 16);

    /// <summary>A block's second convolution ("valid").</summary>
    public static WinogradPlan Valid<V>(int block)
        where V : struct, ISimd<V> => new(V.IsFused && block < 2, block switch { 0 => 20, 1 => 32, _ => 16 });
}
