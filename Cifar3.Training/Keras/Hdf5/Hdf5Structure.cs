using System.Text;

namespace Cifar3.Training;

/// <summary>An attribute: its type, shape and stored bytes.</summary>
internal sealed record Hdf5Attribute(Hdf5Type Type, int[] Shape, ReadOnlyMemory<byte> Values)
{
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>One object of the file: a group with links, or a dataset with type, shape and storage; both with attributes.</summary>
internal sealed class Hdf5Object
{
    /// <summary>Addresses of what a group holds, by name; null for a link that leads elsewhere (soft or external).</summary>
    public Dictionary<string, ulong?> Links { get; } = [];

    public Dictionary<string, Hdf5Attribute> Attributes { get; } = [];

    public Hdf5Type? Type { get; set; }

    public int[]? Shape { get; set; }

    public Hdf5Layout? Layout { get; set; }

    public List<(int Id, string Name)> Filters { get; } = [];

    public bool IsInOtherFiles { get; set; }

    public bool IsDataset => Layout is not null;
}

/// <summary>
/// The structures of an HDF5 file around its data: superblock, object headers, groups. Each is read from the file's bytes when it is
/// asked for, once, within limits that hold for the whole file, so that work and memory stay in proportion to it whatever its links say.
/// </summary>
/// <remarks>
/// Both layouts are known: symbol tables and object headers of version 1 (h5py, and so Keras) and links and headers of version 2
/// (PureHDF, and so this library); groups with names beyond ASCII keep their links in a fractal heap.
/// <see href="https://docs.hdfgroup.org/hdf5/v1_14/_f_m_t3.html"/>
/// </remarks>
internal sealed class Hdf5Structure
{
    /// <summary>Limits of one file: objects, messages of one object, names in all groups, one structure and all structures in bytes.</summary>
    public const int MaxObjects = 10_000, MaxMessages = 4_096, MaxLinks = 100_000, MaxName = 1_024, MaxBlock = 1 << 20, MaxTotal = 64 << 20;

    private const int MaxRank = 8, MaxTreeLevel = 8;
    private static readonly byte[] Signature = [0x89, (byte)'H', (byte)'D', (byte)'F', 0x0D, 0x0A, 0x1A, 0x0A];

    private readonly Dictionary<ulong, Hdf5Object> objects = [];
    private long structure;
    private int links;

    public Hdf5Structure(ReadOnlyMemory<byte> file)
    {
        File = file;
        Root = Object(RootAddress());
    }

    /// <summary>The whole file.</summary>
    public ReadOnlyMemory<byte> File { get; }

    public Hdf5Object Root { get; }

    /// <summary>The object at an address, read once.</summary>
    public Hdf5Object Object(ulong address)
    {
        if (!objects.TryGetValue(address, out var known))
        {
            known = objects.Count < MaxObjects ? ObjectHeader(address) : throw Hdf5Error.Damaged($"The HDF5 file has more than {MaxObjects:N0} objects");
            objects[address] = known;
        }

        return known;
    }

    /// <summary>A structure's bytes, after checking that the file holds them and that all structures together stay within the limit.</summary>
    public ReadOnlyMemory<byte> Block(ulong address, ulong length, string what, int most = MaxBlock)
    {
        ulong size = (ulong)File.Length;
        if (address > size || length > size - address || length > (ulong)most)
        {
            throw Hdf5Error.Damaged($"HDF5 {what} at {address:N0} is {length:N0} bytes long. Expected at most {most:N0}, and the file ends at {size:N0}");
        }

        structure += (long)length;
        return structure <= MaxTotal
            ? File.Slice((int)address, (int)length)
            : throw Hdf5Error.Damaged($"The HDF5 file has more than {MaxTotal:N0} bytes of structure around its data");
    }

    /// <summary>The address of the root group's object header, from a superblock of version 0 to 3.</summary>
    private ulong RootAddress()
    {
        if (File.Length < 96 || !File.Span.StartsWith(Signature))
        {
            throw Hdf5Error.Damaged($"Expected an HDF5 file (first bytes 89 48 44 46 0D 0A 1A 0A). Found {(File.Length == 0 ? "nothing" : Convert.ToHexString(File.Span[..Math.Min(8, File.Length)]))}");
        }

        var cursor = new Hdf5Cursor(Block(0, 96, "superblock")) { Position = 8 };
        int version = cursor.Byte();
        if (version > 3)
        {
            throw Hdf5Error.Unsupported($"The HDF5 superblock has version {version}, newer than 3");
        }

        cursor.Position = version <= 1 ? 13 : 9;
        int offsets = cursor.Byte(), lengths = cursor.Byte();
        cursor.Position = version switch { 0 => 24, 1 => 28, _ => 12 };
        ulong start = cursor.Address();
        if (offsets != 8 || lengths != 8 || start != 0)
        {
            throw Hdf5Error.Unsupported($"The HDF5 file has {offsets}-byte addresses, {lengths}-byte lengths and begins at {start:N0} in place of 8, 8 and 0");
        }

        cursor.Position += version <= 1 ? 32 : 16; // version 0 and 1: free space, end of file, driver, the root's name; 2 and 3: extension, end of file
        return cursor.Address();
    }

    private Hdf5Object ObjectHeader(ulong address)
    {
        var found = new Hdf5Object();
        var continuations = new Queue<(ulong Address, ulong Length)>();
        int messages = 0;
        var start = new Hdf5Cursor(Block(address, 16, "object header"));
        bool isOld = start.Byte() == 1, withOrder = false;
        if (isOld)
        {
            start.Position = 8;
            Messages(Block(address + 16, start.UInt32(), "object header"));
        }
        else
        {
            start.Position = 0;
            start.Expect("OHDR");
            int version = start.Byte(), flags = start.Byte();
            if (version != 2)
            {
                throw Hdf5Error.Damaged($"HDF5 object header version {version} is unknown. Expected 1 or 2");
            }

            int fixedPart = 6 + ((flags & 0x20) != 0 ? 16 : 0) + ((flags & 0x10) != 0 ? 4 : 0), sizeBytes = 1 << (flags & 3);
            withOrder = (flags & 4) != 0;
            ulong size = new Hdf5Cursor(Block(address + (ulong)fixedPart, (ulong)sizeBytes, "object header")).Number(sizeBytes);
            Messages(Block(address + (ulong)(fixedPart + sizeBytes), size, "object header"));
        }

        while (continuations.TryDequeue(out var next))
        {
            var block = Block(next.Address, next.Length, "object header");
            if (!isOld)
            {
                var cursor = new Hdf5Cursor(block);
                cursor.Expect("OCHK");
                block = cursor.Slice(block.Length - 8); // without signature and checksum
            }

            Messages(block);
        }

        return found;

        void Messages(ReadOnlyMemory<byte> block)
        {
            var cursor = new Hdf5Cursor(block);
            while (cursor.Remaining >= (isOld ? 8 : 4))
            {
                if (++messages > MaxMessages)
                {
                    throw Hdf5Error.Damaged($"An HDF5 object has more than {MaxMessages:N0} header messages");
                }

                int type = isOld ? cursor.UInt16() : cursor.Byte(), size = cursor.UInt16(), flags = cursor.Byte();
                cursor.Take(isOld ? 3 : withOrder ? 2 : 0);
                var body = new Hdf5Cursor(cursor.Slice(size));
                if ((flags & 2) != 0)
                {
                    throw Hdf5Error.Unsupported($"An HDF5 header message (type {type}) is shared between objects");
                }

                if (type == 0x10)
                {
                    continuations.Enqueue((body.Address(), body.Address()));
                }
                else
                {
                    Message(found, type, body);
                }
            }
        }
    }

    private void Message(Hdf5Object target, int type, Hdf5Cursor body)
    {
        switch (type)
        {
            case 0x01:
                target.Shape = Dataspace(body);
                break;
            case 0x02: // link info: where the names lie that are too many, or not of ASCII, for the header itself
                body.Byte();
                body.Take((body.Byte() & 1) != 0 ? 8 : 0);
                Dense(body.Address(), body.Address(), Hdf5Heap.LinkRecord, link => Link(target, link));
                break;
            case 0x03:
                target.Type = Hdf5Type.Read(body);
                break;
            case 0x06:
                Link(target, body);
                break;
            case 0x07:
                target.IsInOtherFiles = true;
                break;
            case 0x08:
                target.Layout = Hdf5Layout.Read(body);
                break;
            case 0x0B:
                target.Filters.AddRange(Hdf5Filters.Read(body));
                break;
            case 0x0C:
                Attribute(target, body);
                break;
            case 0x11:
                SymbolTable(target, body.Address(), body.Address());
                break;
            case 0x15: // attribute info
                body.Byte();
                body.Take((body.Byte() & 1) != 0 ? 2 : 0);
                Dense(body.Address(), body.Address(), Hdf5Heap.AttributeRecord, attribute => Attribute(target, attribute));
                break;
        }
    }

    /// <summary>The messages that a group or object keeps in a fractal heap.</summary>
    private void Dense(ulong heap, ulong tree, int recordType, Action<Hdf5Cursor> take)
    {
        if (heap == ulong.MaxValue || tree == ulong.MaxValue)
        {
            return;
        }

        var source = new Hdf5Heap(this, heap);
        foreach (var id in source.Records(tree, recordType))
        {
            take(new Hdf5Cursor(source.Object(id)));
        }
    }

    private void Add(Hdf5Object group, ReadOnlySpan<byte> name, ulong? address)
    {
        if (++links > MaxLinks)
        {
            throw Hdf5Error.Damaged($"The HDF5 file has more than {MaxLinks:N0} names in its groups");
        }

        if (name.Length > MaxName)
        {
            throw Hdf5Error.Damaged($"An HDF5 group has a name of more than {MaxName:N0} bytes");
        }

        group.Links.TryAdd(Encoding.UTF8.GetString(name), address);
    }

    /// <summary>A text up to the zero that ends it, or whole where none does.</summary>
    private static ReadOnlySpan<byte> UntilNul(ReadOnlySpan<byte> text) => text.IndexOf((byte)0) is >= 0 and var end ? text[..end] : text;

    private void Link(Hdf5Object group, Hdf5Cursor body)
    {
        int version = body.Byte(), flags = body.Byte(), kind = (flags & 8) != 0 ? body.Byte() : 0;
        if (version != 1)
        {
            throw Hdf5Error.Damaged($"HDF5 link version {version} is unknown. Expected 1");
        }

        body.Take(((flags & 4) != 0 ? 8 : 0) + ((flags & 16) != 0 ? 1 : 0));
        var name = body.Take(Hdf5Cursor.Checked(body.Number(1 << (flags & 3))));
        Add(group, name, kind == 0 ? body.Address() : null);
    }

    /// <summary>An old-style group: its names' heap and the tree of its links.</summary>
    private void SymbolTable(Hdf5Object group, ulong tree, ulong heap)
    {
        var cursor = new Hdf5Cursor(Block(heap, 32, "name heap"));
        cursor.Expect("HEAP");
        cursor.Position = 8;
        ulong size = cursor.Address();
        cursor.Position = 24;
        SymbolTree(group, tree, Block(cursor.Address(), size, "name heap"), MaxTreeLevel);
    }

    private void SymbolTree(Hdf5Object group, ulong address, ReadOnlyMemory<byte> names, int levelBelow)
    {
        foreach (var (child, level) in Tree(address, type: 0, keySize: 8, levelBelow).Select(entry => (entry.Child, entry.Level)))
        {
            if (level > 0)
            {
                SymbolTree(group, child, names, level);
                continue;
            }

            var head = new Hdf5Cursor(Block(child, 8, "symbol table"));
            head.Expect("SNOD");
            head.Position = 6;
            int count = head.UInt16();
            var body = new Hdf5Cursor(Block(child, 8 + 40 * (ulong)count, "symbol table")) { Position = 8 };
            for (int i = 0; i < count; i++)
            {
                int offset = body.Length();
                ulong header = body.Address();
                uint kind = body.UInt32(); // 0 and 1: an object; 2: a link to a path
                body.Take(20);
                var name = offset < names.Length ? names.Span[offset..Math.Min(names.Length, offset + MaxName + 2)] : throw Hdf5Error.Damaged($"An HDF5 group has a name at {offset:N0}, beyond its names' {names.Length:N0} bytes");
                Add(group, UntilNul(name), kind <= 1 ? header : null);
            }
        }
    }

    /// <summary>The entries of one node of a B-tree of version 1: keys and addresses of what lies below.</summary>
    public IEnumerable<(ReadOnlyMemory<byte> Key, ulong Child, int Level)> Tree(ulong address, int type, int keySize, int levelBelow)
    {
        var head = new Hdf5Cursor(Block(address, 24, "B-tree"));
        head.Expect("TREE");
        int foundType = head.Byte(), level = head.Byte(), entries = head.UInt16();
        if (foundType != type || level >= levelBelow)
        {
            throw Hdf5Error.Damaged($"The HDF5 file has a B-tree of type {foundType}, level {level}. Expected type {type} below level {levelBelow}");
        }

        var body = new Hdf5Cursor(Block(address, 24 + (ulong)entries * (ulong)(keySize + 8) + (ulong)keySize, "B-tree")) { Position = 24 };
        for (int i = 0; i < entries; i++)
        {
            yield return (body.Slice(keySize), body.Address(), level);
        }
    }

    private static int[] Dataspace(Hdf5Cursor body)
    {
        int version = body.Byte(), rank = body.Byte(), flags = body.Byte();
        if (version is < 1 or > 2 || rank > MaxRank || (flags & ~1) != 0)
        {
            throw Hdf5Error.Damaged($"HDF5 dataspace version {version} with {rank} dimensions and flags {flags} is unknown");
        }

        int kind = body.Take(version == 1 ? 5 : 1)[0];
        if (version == 2 && kind == 2)
        {
            return [0]; // no elements at all
        }

        var shape = new int[rank];
        long count = 1;
        for (int i = 0; i < rank; i++)
        {
            shape[i] = Hdf5Cursor.Checked(body.Address());
            count *= shape[i];
            if (count > int.MaxValue)
            {
                throw Hdf5Error.Damaged($"An HDF5 dataspace has more than {int.MaxValue:N0} elements");
            }
        }

        return shape;
    }

    private static void Attribute(Hdf5Object target, Hdf5Cursor body)
    {
        int version = body.Byte(), flags = body.Byte();
        if (version is < 1 or > 3)
        {
            throw Hdf5Error.Damaged($"HDF5 attribute version {version} is unknown. Expected 1 to 3");
        }

        int nameSize = body.UInt16(), typeSize = body.UInt16(), spaceSize = body.UInt16();
        body.Take(version == 3 ? 1 : 0);
        var name = Padded(nameSize).Span;
        var type = version > 1 && (flags & 1) != 0 ? new Hdf5Type(Hdf5Kind.Other, 0, false, "a shared type") : Hdf5Type.Read(new Hdf5Cursor(Padded(typeSize)));
        int[] shape = version > 1 && (flags & 2) != 0
            ? throw Hdf5Error.Unsupported("An HDF5 attribute's shape is shared between objects")
            : Dataspace(new Hdf5Cursor(Padded(spaceSize)));
        long bytes = shape.Aggregate((long)type.Size, (product, size) => product * size);
        target.Attributes.TryAdd(
            Encoding.UTF8.GetString(UntilNul(name)),
            new Hdf5Attribute(type, shape, body.Slice(Hdf5Cursor.Checked((ulong)bytes))));

        ReadOnlyMemory<byte> Padded(int size)
        {
            var part = body.Slice(size);
            body.Take(version == 1 ? -size & 7 : 0);
            return part;
        }
    }
}
