using System.Buffers.Binary;

namespace Cifar3.Training;

/// <summary>
/// Walks every structure of an HDF5 file that PureHDF would read and refuses what could make it allocate, recurse or open more than
/// the file itself justifies: sizes beyond the file, cycles, links to other files, storage that Keras never writes.
/// </summary>
/// <remarks>
/// PureHDF trusts the file: a size of 2 GB in a damaged one is allocated before the read fails, and a B-tree that contains itself
/// overflows the stack. After this check it reads at most what the file holds. Both layouts of HDF5 are known: symbol tables and
/// object headers of version 1 (h5py, and so Keras) and links and headers of version 2 (PureHDF, and so this library).
/// <see href="https://docs.hdfgroup.org/hdf5/v1_14/_f_m_t3.html"/>
/// </remarks>
internal sealed partial class Hdf5Guard
{
    private const int MaxObjects = 10_000, MaxBlock = 1 << 20, MaxTreeLevel = 8;
    private const long MaxMetadata = 64 << 20, MaxStrings = 16 << 20;
    private const ulong Undefined = ulong.MaxValue;

    private static readonly byte[] Signature = [0x89, (byte)'H', (byte)'D', (byte)'F', 0x0D, 0x0A, 0x1A, 0x0A];

    private readonly byte[] file;
    private readonly HashSet<ulong> objects = [];
    private readonly Queue<ulong> pending = [];
    private readonly HashSet<(ulong Tree, ulong Heap)> groups = [];
    private readonly Dictionary<ulong, Dictionary<int, int>> collections = [];
    private long metadata, strings, data;

    private Hdf5Guard(byte[] file) => this.file = file;

    /// <summary>Checks a whole file.</summary>
    /// <exception cref="Cifar3ModelException">It is not HDF5, is cut short, or announces something that it cannot hold.</exception>
    public static void Check(byte[] file)
    {
        var guard = new Hdf5Guard(file);
        guard.Enqueue(guard.RootAddress());
        while (guard.pending.TryDequeue(out ulong address))
        {
            guard.ObjectHeader(address);
        }
    }

    private static Cifar3ModelException Damaged(string what) =>
        new($"{what}. The file is damaged or was not written by Keras; save it again or fetch a fresh copy.");

    /// <summary>The address of the root group's object header, from a superblock of version 0 to 3.</summary>
    private ulong RootAddress()
    {
        if (file.Length < 96 || !file.AsSpan().StartsWith(Signature))
        {
            throw Damaged("Expected an HDF5 file (first bytes 89 48 44 46 0D 0A 1A 0A). Found none");
        }

        var cursor = new Cursor(Block(0, 96, "superblock")) { Position = 8 };
        int version = cursor.Byte();
        ulong root;
        if (version <= 1)
        {
            cursor.Position = 13;
            Sizes(cursor.Byte(), cursor.Byte());
            cursor.Position = version == 0 ? 24 : 28;
            Base(cursor.Address());
            cursor.Position += 24; // free space, end of file, driver
            cursor.Position += 8;  // the root's name
            root = cursor.Address();
        }
        else if (version <= 3)
        {
            Sizes(cursor.Byte(), cursor.Byte());
            cursor.Position = 12;
            Base(cursor.Address());
            cursor.Position += 16; // extension, end of file
            root = cursor.Address();
        }
        else
        {
            throw Damaged($"HDF5 superblock version {version} is unknown. Expected 0 to 3");
        }

        return root;

        static void Sizes(int offsets, int lengths)
        {
            if (offsets != 8 || lengths != 8)
            {
                throw Damaged($"The HDF5 file has {offsets}-byte addresses and {lengths}-byte lengths. Expected 8");
            }
        }

        static void Base(ulong address)
        {
            if (address != 0)
            {
                throw Damaged($"The HDF5 file begins at address {address}. Expected 0");
            }
        }
    }

    private void Enqueue(ulong address)
    {
        if (objects.Add(address))
        {
            if (objects.Count > MaxObjects)
            {
                throw Damaged($"The HDF5 file has more than {MaxObjects:N0} objects");
            }

            pending.Enqueue(address);
        }
    }

    /// <summary>An old-style group: its names' heap and the tree of its links.</summary>
    private void SymbolTable(ulong tree, ulong heap)
    {
        if (groups.Add((tree, heap)))
        {
            var cursor = new Cursor(Block(heap, 32, "name heap"));
            cursor.Expect("HEAP");
            cursor.Position = 8;
            ulong size = cursor.Address();
            cursor.Position = 24;
            Block(cursor.Address(), size, "name heap");
            Tree(tree, MaxTreeLevel);
        }
    }

    private void Tree(ulong address, int levelBelow)
    {
        var head = new Cursor(Block(address, 24, "B-tree"));
        head.Expect("TREE");
        int type = head.Byte(), level = head.Byte(), entries = head.UInt16();
        if (type != 0 || level >= levelBelow)
        {
            throw Damaged($"The HDF5 file has a B-tree of type {type}, level {level}. Expected type 0 below level {levelBelow}");
        }

        var body = new Cursor(Block(address, 24 + 16 * (ulong)entries + 8, "B-tree")) { Position = 24 };
        for (int i = 0; i < entries; i++)
        {
            body.Address(); // key
            ulong child = body.Address();
            if (level > 0)
            {
                Tree(child, level);
            }
            else
            {
                Links(child);
            }
        }
    }

    private void Links(ulong address)
    {
        var head = new Cursor(Block(address, 8, "symbol table"));
        head.Expect("SNOD");
        head.Position = 6;
        int count = head.UInt16();
        var body = new Cursor(Block(address, 8 + 40 * (ulong)count, "symbol table")) { Position = 8 };
        for (int i = 0; i < count; i++)
        {
            body.Address(); // name
            ulong header = body.Address();
            uint kind = body.UInt32();
            body.UInt32();
            ulong tree = body.Address(), heap = body.Address();
            if (kind > 1)
            {
                throw Damaged($"The HDF5 file has a link of kind {kind}, to another place or file. Expected plain links");
            }

            if (kind == 1)
            {
                SymbolTable(tree, heap);
            }

            Enqueue(header);
        }
    }

    /// <summary>A piece of metadata, after checking that the file holds it.</summary>
    private ReadOnlyMemory<byte> Block(ulong address, ulong length, string what)
    {
        ulong size = (ulong)file.Length;
        if (address > size || length > size - address || length > MaxBlock)
        {
            throw Damaged($"HDF5 {what} at {address:N0} is {length:N0} bytes long. The file ends at {size:N0}");
        }

        metadata += (long)length;
        if (metadata > MaxMetadata)
        {
            throw Damaged($"The HDF5 file has more than {MaxMetadata:N0} bytes of structure around its data");
        }

        return file.AsMemory((int)address, (int)length);
    }

    /// <summary>Reads little-endian numbers from a block and never beyond it.</summary>
    private sealed class Cursor(ReadOnlyMemory<byte> block)
    {
        public int Position { get; set; }

        public int Remaining => block.Length - Position;

        public int Byte() => Take(1)[0];

        public int UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

        public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

        public ulong Address() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

        /// <summary>An unsigned number of 1, 2, 4 or 8 bytes.</summary>
        public ulong Number(int bytes) => bytes switch { 1 => (ulong)Byte(), 2 => (ulong)UInt16(), 4 => UInt32(), _ => Address() };

        public ReadOnlySpan<byte> Take(int count) => Slice(count).Span;

        public ReadOnlyMemory<byte> Slice(int count)
        {
            if (count < 0 || count > Remaining)
            {
                throw Damaged($"An HDF5 structure of {block.Length:N0} bytes is read beyond its end");
            }

            Position += count;
            return block.Slice(Position - count, count);
        }

        public void Expect(string signature)
        {
            var found = Take(4);
            for (int i = 0; i < 4; i++)
            {
                if (found[i] != signature[i])
                {
                    throw Damaged($"Expected the HDF5 structure '{signature}'. Found {Convert.ToHexString(found)}");
                }
            }
        }
    }
}
