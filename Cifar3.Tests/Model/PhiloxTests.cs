namespace Cifar3.Tests;

public sealed class PhiloxTests
{
    /// <summary>Known answers of the authors' reference implementation (Random123, kat_vectors, philox4x32 10).</summary>
    [TestCase(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [TestCase(uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [TestCase(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Draw_KnownCounters_GivesTheReferencesBits(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint r0, uint r1, uint r2, uint r3) =>
        Assert.That(Philox.Draw(c0, c1, c2, c3, k0, k1), Is.EqualTo((r0, r1, r2, r3)));

    [Test]
    public void Permutation_AnySeed_HoldsEachNumberOnce() =>
        Assert.That(new PhiloxRandom(5, RandomStreams.Shuffle).Permutation(1000), Is.EquivalentTo(Enumerable.Range(0, 1000)).And.Not.Ordered);
}
