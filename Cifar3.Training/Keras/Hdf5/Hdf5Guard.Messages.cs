namespace Cifar3.Training;

/// <summary>The object headers of the file: groups, datasets and their attributes.</summary>
internal sealed partial class Hdf5Guard
{
    private const int MaxMessages = 4_096, MaxRank = 8;

    /// <summary>What a header's messages tell together: a dataset needs all three.</summary>
    private sealed class Header
    {
        public int Messages { get; set; }

        public ulong? Elements { get; set; }

        public ulong? ElementSize { get; set; }

        public ulong? DataSize { get; set; }

        public Queue<(ulong Address, ulong Length)> Continuations { get; } = [];
    }

    private void ObjectHeader(ulong address)
    {
        var header = new Header();
        var start = new Cursor(Block(address, 16, "object header"));
        int version = start.Byte();
        bool withOrder = false;
        if (version == 1)
        {
            start.Position = 8;
            Messages(header, Block(address + 16, start.UInt32(), "object header"), 1, false);
        }
        else
        {
            start.Position = 0;
            start.Expect("OHDR");
            int second = start.Byte(), flags = start.Byte();
            if (second != 2)
            {
                throw Damaged($"HDF5 object header version {second} is unknown. Expected 1 or 2");
            }

            int fixedPart = 6 + ((flags & 0x20) != 0 ? 16 : 0) + ((flags & 0x10) != 0 ? 4 : 0), sizeBytes = 1 << (flags & 3);
            withOrder = (flags & 4) != 0;
            var size = new Cursor(Block(address + (ulong)fixedPart, (ulong)sizeBytes, "object header"));
            Messages(header, Block(address + (ulong)(fixedPart + sizeBytes), size.Number(sizeBytes), "object header"), 2, withOrder);
        }

        while (header.Continuations.TryDequeue(out var next))
        {
            var block = Block(next.Address, next.Length, "object header");
            if (version != 1)
            {
                var cursor = new Cursor(block);
                cursor.Expect("OCHK");
                block = cursor.Slice(block.Length - 8); // without signature and checksum
            }

            Messages(header, block, version == 1 ? 1 : 2, withOrder);
        }

        CheckDataset(header);
    }

    private void Messages(Header header, ReadOnlyMemory<byte> block, int version, bool withOrder)
    {
        var cursor = new Cursor(block);
        while (cursor.Remaining > 0)
        {
            if (++header.Messages > MaxMessages)
            {
                throw Damaged($"An HDF5 object has more than {MaxMessages:N0} header messages");
            }

            int type = version == 1 ? cursor.UInt16() : cursor.Byte();
            int size = cursor.UInt16(), flags = cursor.Byte();
            cursor.Take(version == 1 ? 3 : withOrder ? 2 : 0);
            if ((flags & 2) != 0)
            {
                throw Damaged($"An HDF5 header message (type {type}) is shared with another object, which Keras never writes");
            }

            Message(header, type, new Cursor(cursor.Slice(size)));
        }
    }

    private void Message(Header header, int type, Cursor body)
    {
        switch (type)
        {
            case 0x00 or 0x0A or 0x0E or 0x12 or 0x13 or 0x16: // nothing, group info, modification times, tree sizes, reference count
                break;
            case 0x01:
                header.Elements = Dataspace(body);
                break;
            case 0x02: // link info: links must be in the header itself
            case 0x15: // attribute info: attributes too
                body.Byte();
                int flags = body.Byte();
                body.Take((flags & 1) == 0 ? 0 : type == 0x02 ? 8 : 2);
                if (body.Address() != Undefined || body.Address() != Undefined)
                {
                    throw Damaged("An HDF5 group keeps its links or attributes in a fractal heap. Expected the layout that Keras writes (h5py's default)");
                }

                break;
            case 0x03:
                header.ElementSize = Datatype(body, nested: false).Size;
                break;
            case 0x04:
                body.Take(Checked(body.UInt32()));
                break;
            case 0x05:
                FillValue(body);
                break;
            case 0x06:
                Link(body);
                break;
            case 0x08:
                header.DataSize = Layout(body);
                break;
            case 0x0C:
                Attribute(body);
                break;
            case 0x10:
                header.Continuations.Enqueue((body.Address(), body.Address()));
                break;
            case 0x11:
                SymbolTable(body.Address(), body.Address());
                break;
            default:
                throw Damaged(type switch
                {
                    0x07 => "An HDF5 dataset keeps its data in another file",
                    0x0B => "An HDF5 dataset is compressed or filtered, which Keras never writes (h5repack -f NONE undoes it)",
                    _ => $"HDF5 header message type {type} is unknown",
                });
        }
    }

    /// <summary>A dataset's elements must fill its storage, and all datasets together must fit into the file.</summary>
    private void CheckDataset(Header header)
    {
        if (header.DataSize is not { } size)
        {
            return;
        }

        ulong needed = (header.Elements ?? throw Damaged("An HDF5 dataset has no shape")) * (header.ElementSize ?? throw Damaged("An HDF5 dataset has no type"));
        data += Checked(size);
        if (needed != size || data > file.Length)
        {
            throw Damaged($"An HDF5 dataset of {needed:N0} bytes has {size:N0} bytes of storage in a file of {file.Length:N0}");
        }
    }

    private static ulong Dataspace(Cursor body)
    {
        int version = body.Byte(), rank = body.Byte(), flags = body.Byte();
        if (version is < 1 or > 2 || rank > MaxRank || (flags & ~1) != 0)
        {
            throw Damaged($"HDF5 dataspace version {version} with {rank} dimensions and flags {flags} is unknown");
        }

        int kind = body.Take(version == 1 ? 5 : 1)[0], expected = rank > 0 ? 1 : 0;
        if (version == 2 && kind != expected)
        {
            throw Damaged($"An HDF5 dataspace of kind {kind} has {rank} dimensions");
        }

        ulong count = 1;
        for (int i = 0; i < rank; i++)
        {
            ulong size = body.Address();
            count = size > int.MaxValue || count * size > int.MaxValue ? throw Damaged($"An HDF5 dataspace has more than {int.MaxValue:N0} elements") : count * size;
        }

        body.Take((flags & 1) != 0 ? 8 * rank : 0); // maximum sizes
        return count;
    }

    private static (uint Size, bool IsVariableString) Datatype(Cursor body, bool nested)
    {
        int classAndVersion = body.Byte(), kind = classAndVersion & 15, bits = body.Byte();
        body.Take(2);
        uint size = body.UInt32();
        switch (kind)
        {
            case 0 when size is 1 or 2 or 4 or 8:
                body.Take(4);
                return (size, false);
            case 1 when size is 2 or 4 or 8:
                body.Take(5);
                int exponent = body.Byte();
                body.Take(6);
                return exponent == size switch { 2 => 5, 4 => 8, _ => 11 } ? (size, false) : throw Damaged($"An HDF5 float of {size} bytes has {exponent} bits of exponent. Expected an IEEE float");
            case 3 when size is > 0 and <= ushort.MaxValue:
                return (size, false);
            case 9 when size == 16 && (bits & 15) == 1 && !nested:
                Datatype(body, nested: true);
                return (size, true);
            default:
                throw Damaged($"HDF5 data type class {kind} of {size} bytes is not one that Keras writes (numbers and text)");
        }
    }

    private static void FillValue(Cursor body)
    {
        int version = body.Byte();
        bool present;
        if (version == 3)
        {
            present = (body.Byte() & 0x30) == 0x20;
        }
        else
        {
            body.Take(2);
            present = body.Byte() == 1;
        }

        if (present)
        {
            body.Take(Checked(body.UInt32()));
        }
    }

    private void Link(Cursor body)
    {
        int version = body.Byte(), flags = body.Byte(), kind = (flags & 8) != 0 ? body.Byte() : 0;
        if (version != 1 || kind != 0)
        {
            throw Damaged($"The HDF5 file has a link of kind {kind}, to another place or file. Expected plain links");
        }

        body.Take(((flags & 4) != 0 ? 8 : 0) + ((flags & 16) != 0 ? 1 : 0));
        body.Take(Checked(body.Number(1 << (flags & 3))));
        Enqueue(body.Address());
    }

    private ulong Layout(Cursor body)
    {
        int version = body.Byte(), kind = body.Byte();
        if (version is not (3 or 4) || kind is not (0 or 1))
        {
            throw Damaged(kind == 2
                ? "An HDF5 dataset is chunked or compressed, which Keras never writes (h5repack -l CONTI undoes it)"
                : $"HDF5 storage layout {kind}, version {version}, is unknown");
        }

        if (kind == 0)
        {
            int size = body.UInt16();
            body.Take(size);
            return (ulong)size;
        }

        ulong address = body.Address(), length = body.Address(), end = (ulong)file.Length;
        if (length > 0 && (address > end || length > end - address))
        {
            throw Damaged(address == Undefined ? "An HDF5 dataset was never written" : $"HDF5 data at {address:N0} is {length:N0} bytes long. The file ends at {end:N0}");
        }

        return length;
    }

    private void Attribute(Cursor body)
    {
        int version = body.Byte(), flags = body.Byte();
        if (version is < 1 or > 3 || (version > 1 && flags != 0))
        {
            throw Damaged($"HDF5 attribute version {version} with flags {flags} is unknown");
        }

        int nameSize = body.UInt16(), typeSize = body.UInt16(), spaceSize = body.UInt16();
        body.Take(version == 3 ? 1 : 0);

        // PureHDF finds the end of name and type by their content, not by their sizes: both must agree.
        var name = body.Take(nameSize);
        if (name.IndexOf((byte)0) != nameSize - 1)
        {
            throw Damaged("An HDF5 attribute's name does not end where it says");
        }

        Pad(nameSize);
        var typeBody = new Cursor(body.Slice(typeSize));
        var (elementSize, variable) = Datatype(typeBody, nested: false);
        Pad(typeSize);
        var spaceBody = new Cursor(body.Slice(spaceSize));
        ulong count = Dataspace(spaceBody);
        Pad(spaceSize);
        if (typeBody.Remaining > 0 || spaceBody.Remaining > 0)
        {
            throw Damaged("An HDF5 attribute's type does not end where it says");
        }

        var values = new Cursor(body.Slice(Checked(count * elementSize)));
        for (ulong i = 0; variable && i < count; i++)
        {
            values.UInt32();
            VariableString(values.Address(), values.UInt32());
        }

        void Pad(int size) => body.Take(version == 1 ? -size & 7 : 0);
    }

    /// <summary>A text in a global heap collection; the sum over all of them is limited, as many may point to one.</summary>
    private void VariableString(ulong address, uint index)
    {
        if (address is 0 or Undefined)
        {
            return;
        }

        if (!collections.TryGetValue(address, out var sizes))
        {
            sizes = collections[address] = Collection(address);
        }

        strings += sizes.GetValueOrDefault((int)index);
        if (strings > MaxStrings)
        {
            throw Damaged($"The HDF5 file's attributes hold more than {MaxStrings:N0} bytes of text");
        }
    }

    private Dictionary<int, int> Collection(ulong address)
    {
        var head = new Cursor(Block(address, 16, "text heap"));
        head.Expect("GCOL");
        head.Position = 8;
        var body = new Cursor(Block(address, head.Address(), "text heap")) { Position = 16 };
        var sizes = new Dictionary<int, int>();
        while (body.Remaining > 16)
        {
            int index = body.UInt16();
            if (index == 0)
            {
                break;
            }

            body.Take(6);
            int size = Checked(body.Address());
            body.Take(size);
            body.Take(-size & 7);
            sizes[index] = size;
        }

        return sizes;
    }

    private static int Checked(ulong value) => value <= int.MaxValue ? (int)value : throw Damaged($"The HDF5 file announces {value:N0} bytes where a few are expected");
}
