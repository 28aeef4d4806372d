using System.Numerics;

namespace Cifar3.Training;

/// <summary>
/// A fractal heap and the B-tree (version 2) that lists what lies in it: where a group keeps its links when it has many or their names
/// are not of ASCII, and an object its attributes when they are large or many.
/// </summary>
/// <remarks><see href="https://docs.hdfgroup.org/hdf5/v1_14/_f_m_t3.html"/>, sections III.A.2 and III.G.</remarks>
internal sealed class Hdf5Heap
{
    /// <summary>Types of the tree's records that are read: links by name and attributes by name.</summary>
    public const int LinkRecord = 5, AttributeRecord = 8;

    private const int MaxDepth = 8, NodeOverhead = 10; // signature, version, type, checksum

    private readonly Hdf5Structure file;
    private readonly int offsetBytes, lengthBytes, width, rootRows, directRows;
    private readonly ulong start, maxDirect, root;

    public Hdf5Heap(Hdf5Structure file, ulong address)
    {
        this.file = file;
        var header = new Hdf5Cursor(file.Block(address, 146, "fractal heap"));
        header.Expect("FRHP");
        header.Position = 7;
        int filters = header.UInt16();
        header.Position = 10;
        ulong maxManaged = header.UInt32();
        header.Position = 110;
        width = header.UInt16();
        start = header.Address();
        maxDirect = header.Address();
        int heapBits = header.UInt16();
        header.Position += 2; // rows at the start
        root = header.Address();
        rootRows = header.UInt16();
        if (filters != 0)
        {
            throw Hdf5Error.Unsupported("The names of an HDF5 group are compressed");
        }

        if (width is < 1 or > 1024 || !BitOperations.IsPow2(start) || !BitOperations.IsPow2(maxDirect) || !BitOperations.IsPow2(width) || start > maxDirect || maxDirect > Hdf5Structure.MaxBlock || heapBits is < 1 or > 64)
        {
            throw Hdf5Error.Damaged($"An HDF5 fractal heap has blocks of {start:N0} to {maxDirect:N0} bytes, {width} in a row");
        }

        directRows = BitOperations.Log2(maxDirect) - BitOperations.Log2(start) + 2;
        offsetBytes = (heapBits + 7) / 8;
        lengthBytes = Math.Min((BitOperations.Log2(maxDirect) + 7) / 8, Hdf5Cursor.BytesFor(Math.Max(1, maxManaged)));
    }

    /// <summary>The heap's identifiers in a tree's records.</summary>
    /// <param name="tree">Address of the tree's header.</param>
    /// <param name="type"><see cref="LinkRecord"/> or <see cref="AttributeRecord"/>.</param>
    public List<ReadOnlyMemory<byte>> Records(ulong tree, int type)
    {
        var header = new Hdf5Cursor(file.Block(tree, 38, "B-tree"));
        header.Expect("BTHD");
        header.Byte();
        int foundType = header.Byte(), nodeSize = Hdf5Cursor.Checked(header.UInt32()), recordSize = header.UInt16(), depth = header.UInt16();
        header.Position += 2;
        ulong rootNode = header.Address();
        int rootRecords = header.UInt16();
        if (foundType != type || depth > MaxDepth || recordSize < 8 || nodeSize < NodeOverhead + recordSize || nodeSize > Hdf5Structure.MaxBlock)
        {
            throw Hdf5Error.Damaged($"The HDF5 file has a B-tree of type {foundType}, depth {depth}, with records of {recordSize} in nodes of {nodeSize:N0} bytes. Expected type {type}");
        }

        // How many records a node of each level may have, and so how many bytes a count takes.
        ulong leafRecords = (ulong)((nodeSize - NodeOverhead) / recordSize), below = leafRecords;
        int countBytes = Hdf5Cursor.BytesFor(leafRecords);
        int[] totalBytes = new int[depth + 1]; // of all records below a child of this level; leaves have none
        for (int level = 1; level <= depth; level++)
        {
            int pointer = 8 + countBytes + totalBytes[level - 1];
            ulong most = (ulong)Math.Max(0, (nodeSize - NodeOverhead - pointer) / (recordSize + pointer));
            below = Math.Min(int.MaxValue, (most + 1) * below + most);
            totalBytes[level] = Hdf5Cursor.BytesFor(Math.Max(1, below));
        }

        var records = new List<ReadOnlyMemory<byte>>();
        if (rootRecords > 0)
        {
            Node(rootNode, rootRecords, depth);
        }

        return records;

        void Node(ulong address, int count, int level)
        {
            var node = new Hdf5Cursor(file.Block(address, (ulong)nodeSize, "B-tree"));
            node.Expect(level == 0 ? "BTLF" : "BTIN");
            node.Position = 6;
            for (int i = 0; i < count; i++)
            {
                var record = new Hdf5Cursor(node.Slice(recordSize));
                record.Position = type == LinkRecord ? 4 : 0; // a link's record begins with the hash of its name
                records.Add(record.Slice(type == LinkRecord ? 7 : 8));
            }

            if (records.Count > Hdf5Structure.MaxLinks)
            {
                throw Hdf5Error.Damaged($"An HDF5 group has more than {Hdf5Structure.MaxLinks:N0} names");
            }

            for (int i = 0; level > 0 && i <= count; i++)
            {
                ulong child = node.Address();
                int childCount = (int)node.Number(countBytes);
                node.Take(level > 1 ? totalBytes[level - 1] : 0);
                Node(child, childCount, level - 1);
            }
        }
    }

    /// <summary>The object of an identifier.</summary>
    public ReadOnlyMemory<byte> Object(ReadOnlyMemory<byte> id)
    {
        var cursor = new Hdf5Cursor(id);
        int flags = cursor.Byte(), kind = flags >> 4 & 3;
        if (kind == 2 && (flags & 15) + 1 <= cursor.Remaining)
        {
            return cursor.Slice((flags & 15) + 1); // so small that it is its own identifier
        }

        if (kind != 0)
        {
            throw Hdf5Error.Unsupported("An HDF5 group keeps a name or attribute outside its heap");
        }

        ulong offset = cursor.Number(offsetBytes), length = cursor.Number(lengthBytes);
        var (block, begin, size) = rootRows == 0 ? (root, 0, start) : Direct(root, 0, rootRows, offset, MaxDepth);
        return offset - begin <= size && length <= size - (offset - begin)
            ? file.Block(block + (offset - begin), length, "heap object")
            : throw Hdf5Error.Damaged($"An HDF5 heap object of {length:N0} bytes lies across its block's end");
    }

    /// <summary>The direct block that holds a place of the heap, through the indirect blocks above it.</summary>
    /// <param name="indirect">Address of the indirect block.</param>
    /// <param name="begin">The place in the heap where it begins.</param>
    /// <param name="rows">Its rows of blocks: two of the smallest size, then each of twice the size before.</param>
    /// <param name="offset">The place looked for.</param>
    /// <param name="depth">How many indirect blocks may still follow.</param>
    private (ulong Address, ulong Begin, ulong Size) Direct(ulong indirect, ulong begin, int rows, ulong offset, int depth)
    {
        ulong rowBytes = start * (ulong)width, inside = offset - begin;
        int row = inside < rowBytes ? 0 : BitOperations.Log2(inside / rowBytes) + 1;
        if (row >= rows || depth == 0)
        {
            throw Hdf5Error.Damaged($"An HDF5 heap has no place {offset:N0}");
        }

        ulong size = row == 0 ? start : start << (row - 1), rowBegin = row == 0 ? 0 : rowBytes << (row - 1), column = (inside - rowBegin) / size;
        ulong entries = 5 + 8 + (ulong)offsetBytes; // signature and version, the heap's address, the block's place
        new Hdf5Cursor(file.Block(indirect, 4, "heap block")).Expect("FHIB");
        ulong child = new Hdf5Cursor(file.Block(indirect + entries + 8 * ((ulong)(row * width) + column), 8, "heap block")).Address();
        ulong childBegin = begin + rowBegin + column * size;
        return row < directRows
            ? (child, childBegin, size)
            : Direct(child, childBegin, BitOperations.Log2(size) - BitOperations.Log2(rowBytes) + 1, offset, depth - 1);
    }
}
