using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Cifar3.Tests;

/// <summary>
/// An HDF5 file put together byte by byte: what PureHDF does not write, such as chunks behind a checksum in the index that h5py takes, groups within
/// themselves, thousands of names for one group.
/// </summary>
internal sealed class Hdf5Bytes
{
    private static readonly byte[] Nowhere = [.. Enumerable.Repeat((byte)0xFF, 8)], Float32 = [0x11, 0x20, 0x1F, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];
    private readonly List<byte> bytes = [.. new byte[96]]; // the superblock, written last

    /// <summary>Adds bytes and gives their address.</summary>
    public long Put(params byte[] content)
    {
        long address = bytes.Count;
        bytes.AddRange(content);
        return address;
    }

    /// <summary>An object of header messages.</summary>
    public long Object(params byte[][] messages) => Put(Header(messages));

    /// <summary>A group of links.</summary>
    public long Group(params (string Name, long Address)[] links) => Object([.. links.Select(link => Link(link.Name, link.Address))]);

    /// <summary>A group that is its own grandchild: <paramref name="name"/> in it leads to what <paramref name="inner"/> makes of its address.</summary>
    public long Circle(string name, Func<long, long> inner)
    {
        long address = Put(new byte[Header(Link(name, 0)).Length]);
        byte[] header = Header(Link(name, inner(address)));
        header.CopyTo(CollectionsMarshal.AsSpan(bytes)[(int)address..]);
        return address;
    }

    /// <summary>A group of more links than a header takes: names in a heap, links in symbol tables.</summary>
    public long LargeGroup(params (string Name, long Address)[] links)
    {
        var names = new List<byte>();
        byte[][] entries = [.. links.Select(link =>
        {
            byte[] entry = [.. Number(names.Count), .. Number(link.Address), .. new byte[24]];
            names.AddRange([.. Encoding.ASCII.GetBytes(link.Name), 0]);
            return entry;
        })];
        long heap = Put([.. "HEAP"u8, .. new byte[4], .. Number(names.Count), .. Nowhere, .. Number(Put([.. names]))]);
        long[] tables = [.. entries.Chunk(20_000).Select(part => Put([.. "SNOD"u8, 1, 0, .. Short(part.Length), .. part.SelectMany(entry => entry)]))];
        long tree = Put([.. "TREE"u8, 0, 0, .. Short(tables.Length), .. Nowhere, .. Nowhere, .. tables.SelectMany(table => (byte[])[.. Number(0), .. Number(table)]), .. Number(0)]);
        return Object(Message(0x11, [.. Number(tree), .. Number(heap)]));
    }

    /// <summary>A dataset in one piece.</summary>
    public long Floats(IEnumerable<int> shape, float[] values) =>
        Object(Message(1, Space(shape)), Message(3, Float32), Message(8, [3, 1, .. Number(Put(Stored(values))), .. Number(4L * values.Length)]));

    /// <summary>A dataset in one chunk as the file has it, behind a filter.</summary>
    public long Chunk(int[] shape, byte[] stored, int filter)
    {
        byte[] key = [.. BitConverter.GetBytes(stored.Length), .. new byte[4 + 8 * (shape.Length + 1)]];
        long tree = Put([.. "TREE"u8, 1, 0, 1, 0, .. Nowhere, .. Nowhere, .. key, .. Number(Put(stored)), .. key]);
        byte[] layout = [3, 2, (byte)(shape.Length + 1), .. Number(tree), .. shape.Append(4).SelectMany(BitConverter.GetBytes)];
        return Object(Message(1, Space(shape)), Message(3, Float32), Message(8, layout), Message(11, [2, 1, (byte)filter, 0, 0, 0, 0, 0]));
    }

    /// <summary>An attribute of texts of one length each.</summary>
    public static byte[] Texts(string name, int size, string all)
    {
        byte[] type = [0x13, 0, 0, 0, .. BitConverter.GetBytes(size)], space = Space([all.Length / size]), named = [.. Encoding.ASCII.GetBytes(name), 0];
        return Message(12, [3, 0, .. Short(named.Length), .. Short(type.Length), .. Short(space.Length), 0, .. named, .. type, .. space, .. Encoding.ASCII.GetBytes(all)]);
    }

    public static byte[] Link(string name, long address) => Message(6, [1, 0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), .. Number(address)]);

    /// <summary>Numbers as a file has them.</summary>
    public static byte[] Stored(float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    /// <summary>Keras 3's weights alone of a model, but for what is replaced (by path, such as <c>dense/vars/0</c>).</summary>
    public byte[] Weights(CnnModel model, params (string Path, long Address)[] replaced) =>
        File(Group(("layers", Group([.. model.Layers.Where(layer => layer.Weights.Length > 0).Select(layer => (layer.Name, Group(("vars", Group([.. layer.Weights.Select((weight, i) =>
        {
            string path = $"{layer.Name}/vars/{i}";
            var tensor = model[$"{layer.Name}/{weight.Name}"];
            return ($"{i}", replaced.Any(r => r.Path == path) ? replaced.Single(r => r.Path == path).Address : Floats(tensor.Shape, tensor.ToArray()));
        })])))))]))));

    /// <summary>The whole file.</summary>
    public byte[] File(long root)
    {
        byte[] file = [.. bytes];
        ((byte[])[0x89, .. "HDF"u8, 0x0D, 0x0A, 0x1A, 0x0A, 2, 8, 8, 0, .. Number(0), .. Nowhere, .. Number(file.Length), .. Number(root)]).CopyTo(file, 0);
        return file;
    }

    private static byte[] Header(params byte[][] messages)
    {
        byte[] all = [.. messages.SelectMany(message => message)];
        return [.. "OHDR"u8, 2, 2, .. BitConverter.GetBytes(all.Length), .. all, 0, 0, 0, 0];
    }

    private static byte[] Message(int type, byte[] body) => [(byte)type, .. Short(body.Length), 0, .. body];

    private static byte[] Space(IEnumerable<int> shape) => [2, (byte)shape.Count(), 0, (byte)(shape.Any() ? 1 : 0), .. shape.SelectMany(size => Number(size))];

    private static byte[] Number(long value)
    {
        byte[] number = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, value);
        return number;
    }

    private static byte[] Short(int value) => [(byte)value, checked((byte)(value >> 8))];
}
