using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The checksum of HDF5's chunks is verified, as HDF5's own library takes it.</summary>
public sealed class Hdf5FilterTests
{
    private const int Fletcher32 = 3;

    /// <summary>What h5py 3.14 (HDF5 1.14.6) stores behind chunks of these bytes, with fletcher32=True.</summary>
    [TestCase(1, 0xFF00FF00u)]
    [TestCase(2, 0xFF14FF14u)]
    [TestCase(5, 0x0E0AD97Au)]
    [TestCase(8, 0x3317241Du)]
    [TestCase(1_001, 0x339CACC0u)]
    [TestCase(70_001, 0x3F747999u)]
    [TestCase(300_000, 0x217E7318u)]
    public void Checksum_OfBytes_IsHdf5s(int count, uint expected) =>
        Assert.That(Hdf5Filters.Checksum([.. Enumerable.Range(0, count).Select(i => (byte)((long)i * i * 7 + i * 13 + (i % 3 == 0 ? 255 : 0)))]), Is.EqualTo(expected));

    /// <summary>In one's complement 65,535 is a zero that is not folded away.</summary>
    [Test]
    public void Checksum_OfOnes_IsAllOnes() => Assert.That(Hdf5Filters.Checksum([.. Enumerable.Repeat((byte)0xFF, 720)]), Is.EqualTo(0xFFFFFFFFu));

    [Test]
    public void Load_ChunkBehindItsChecksum_IsRead() => Assert.That(KerasFile.Parse(Weights(_ => { }), "m").Model.WeightHash(), Is.EqualTo(KerasTestFile.Trained().Model.WeightHash()));

    /// <summary>HDF5 before 1.6.3 exchanged the bytes of each half.</summary>
    [Test]
    public void Load_ChecksumOfOldHdf5_IsTaken() =>
        Assert.That(
            KerasFile.Parse(Weights(chunk => (chunk[^4], chunk[^3], chunk[^2], chunk[^1]) = (chunk[^3], chunk[^4], chunk[^1], chunk[^2])), "m").Model.WeightHash(),
            Is.EqualTo(KerasTestFile.Trained().Model.WeightHash()));

    [TestCase(100)]
    [TestCase(431)]
    [TestCase(432)]
    [TestCase(435)]
    public void Load_BitFlippedInAChunk_FailsItsChecksum(int place) =>
        Assert.That(
            KerasTestFile.Refusal(Weights(chunk => chunk[place] ^= 1)),
            Does.Contain("A chunk of the HDF5 dataset 'layers/conv2d/vars/0' has the checksum (Fletcher-32)").And.Contain("Save it again").IgnoreCase);

    /// <summary>A model whose first kernel, 432 bytes, is one chunk with a checksum behind it.</summary>
    private static byte[] Weights(Action<byte[]> damage)
    {
        var model = KerasTestFile.Trained().Model;
        var kernel = model["conv2d/kernel"];
        byte[] content = Hdf5Bytes.Stored(kernel.ToArray()), chunk = [.. content, .. BitConverter.GetBytes(Hdf5Filters.Checksum(content))];
        damage(chunk);
        var file = new Hdf5Bytes();
        return file.Weights(model, ("conv2d/vars/0", file.Chunk([.. kernel.Shape], chunk, Fletcher32)));
    }
}
