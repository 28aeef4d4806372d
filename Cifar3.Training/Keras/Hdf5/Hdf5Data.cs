namespace Cifar3.Training;

/// <summary>How a dataset is stored: in its header, in one piece, or in chunks that filters may have passed.</summary>
internal sealed record Hdf5Layout
{
    /// <summary>The values themselves, where they stand in the header.</summary>
    public ReadOnlyMemory<byte>? Compact { get; init; }

    /// <summary>Address of the one piece, or of the chunks' B-tree.</summary>
    public ulong Address { get; init; }

    /// <summary>Bytes of the one piece.</summary>
    public ulong Length { get; init; }

    /// <summary>Shape of a chunk; null where there are none.</summary>
    public int[]? Chunk { get; init; }

    /// <summary>Why the data cannot be read here; null where it can.</summary>
    public string? Problem { get; init; }

    /// <summary>Reads a layout message.</summary>
    public static Hdf5Layout Read(Hdf5Cursor body)
    {
        int version = body.Byte();
        if (version is not (3 or 4))
        {
            return new Hdf5Layout { Problem = $"An HDF5 dataset has a storage layout of version {version}" };
        }

        int kind = body.Byte();
        switch (kind)
        {
            case 0:
                return new Hdf5Layout { Compact = body.Slice(body.UInt16()) };
            case 1:
                return new Hdf5Layout { Address = body.Address(), Length = body.Address() };
            case 2 when version == 3:
                int rank = body.Byte() - 1; // the last size is an element's
                ulong tree = body.Address();
                return new Hdf5Layout { Address = tree, Chunk = [.. Enumerable.Range(0, Math.Max(0, rank)).Select(_ => Hdf5Cursor.Checked(body.UInt32()))] };
            case 2:
                return new Hdf5Layout { Problem = "An HDF5 dataset is chunked with an index of HDF5 1.10 (libver='latest')" };
            default:
                return new Hdf5Layout { Problem = $"An HDF5 dataset has a storage layout of kind {kind}" };
        }
    }
}

/// <summary>Reads datasets' elements.</summary>
internal sealed class Hdf5Data(Hdf5Structure file)
{
    /// <summary>How often the file's size its data may expand to.</summary>
    public const int MaxExpansion = 20;

    private const int MaxTreeLevel = 8;
    private long expanded;

    /// <summary>All elements of a dataset, row-major, as stored but for chunks and filters.</summary>
    /// <param name="dataset">The dataset.</param>
    /// <param name="path">What messages call it.</param>
    public ReadOnlyMemory<byte> Read(Hdf5Object dataset, string path)
    {
        var type = dataset.Type ?? throw Hdf5Error.Damaged($"The HDF5 dataset '{path}' has no type");
        int[] shape = dataset.Shape ?? throw Hdf5Error.Damaged($"The HDF5 dataset '{path}' has no shape");
        var layout = dataset.Layout!;
        string? problem = layout.Problem ?? (dataset.IsInOtherFiles ? "An HDF5 dataset keeps its data in another file" : null)
            ?? (Hdf5Filters.Unknown(dataset.Filters) is { } filter ? $"An HDF5 dataset is compressed or filtered with '{filter}'" : null);
        if (problem is not null)
        {
            throw Hdf5Error.Unsupported($"{problem} ('{path}')");
        }

        long needed = shape.Aggregate((long)type.Size, (product, size) => product * size);
        if (layout.Compact is { } compact)
        {
            return Filled(compact);
        }

        if (layout.Chunk is not null)
        {
            return Chunks(dataset, layout, type.Size, shape, needed, path);
        }

        ulong size = (ulong)file.File.Length;
        if (needed > 0 && (layout.Address > size || layout.Length > size - layout.Address))
        {
            throw Hdf5Error.Damaged(layout.Address == ulong.MaxValue
                ? $"The HDF5 dataset '{path}' was never written"
                : $"HDF5 data at {layout.Address:N0} is {layout.Length:N0} bytes long. The file ends at {size:N0}");
        }

        return needed == 0 ? default : Filled(file.File.Slice((int)layout.Address, (int)layout.Length));

        ReadOnlyMemory<byte> Filled(ReadOnlyMemory<byte> stored) => stored.Length == needed
            ? stored
            : throw Hdf5Error.Damaged($"The HDF5 dataset '{path}' of {needed:N0} bytes has {stored.Length:N0} bytes of storage");
    }

    private long Most => MaxExpansion * (long)file.File.Length + Hdf5Structure.MaxBlock;

    private byte[] Chunks(Hdf5Object dataset, Hdf5Layout layout, int elementSize, int[] shape, long needed, string path)
    {
        int[] chunk = layout.Chunk!;
        long chunkBytes = chunk.Aggregate((long)elementSize, (product, size) => product > int.MaxValue ? product : product * size); // far beyond what is taken
        expanded += needed;
        if (chunk.Length != shape.Length || chunk.Contains(0) || chunkBytes > needed + Hdf5Structure.MaxBlock || expanded > Most)
        {
            throw Hdf5Error.Damaged($"The HDF5 dataset '{path}' would expand to {needed:N0} bytes in chunks of {chunkBytes:N0}. Expected at most {MaxExpansion} times the file's {file.File.Length:N0}");
        }

        byte[] elements = new byte[needed];
        long covered = 0;
        if (layout.Address != ulong.MaxValue)
        {
            Node(layout.Address, MaxTreeLevel);
        }

        // A chunk that was never written holds the fill value, which no weights are.
        return covered >= needed ? elements : throw Hdf5Error.Damaged($"The HDF5 dataset '{path}' was not written completely: {covered:N0} of {needed:N0} bytes");

        void Node(ulong address, int levelBelow)
        {
            foreach (var (keyBytes, child, level) in file.Tree(address, type: 1, keySize: 8 + 8 * (shape.Length + 1), levelBelow))
            {
                if (level > 0)
                {
                    Node(child, level);
                    continue;
                }

                var key = new Hdf5Cursor(keyBytes);
                uint size = key.UInt32(), skipped = key.UInt32();
                int[] at = [.. shape.Select(_ => Hdf5Cursor.Checked(key.Address()))];
                byte[] values = Hdf5Filters.Undo(dataset.Filters, skipped, file.Block(child, size, "chunk"), (int)chunkBytes, elementSize, path);
                if (values.Length < chunkBytes)
                {
                    throw Hdf5Error.Damaged($"A chunk of the HDF5 dataset '{path}' has {values.Length:N0} bytes. Expected {chunkBytes:N0}");
                }

                long copied = Copy(values, chunk, at, elements, shape, elementSize);
                covered += copied;
                expanded += chunkBytes - copied; // what lies beyond the dataset is inflated too
                if (expanded > Most)
                {
                    throw Hdf5Error.Damaged($"The chunks of the HDF5 dataset '{path}' lie beyond its end and would expand to more than {MaxExpansion} times the file's {file.File.Length:N0} bytes");
                }

                if (covered > needed)
                {
                    throw Hdf5Error.Damaged($"The HDF5 dataset '{path}' has chunks that overlap");
                }
            }
        }
    }

    /// <summary>Copies a chunk to its place, row by row; parts beyond the dataset's end are left out. Returns the bytes copied.</summary>
    private static long Copy(byte[] chunk, int[] chunkShape, int[] at, byte[] elements, int[] shape, int elementSize)
    {
        int last = shape.Length - 1, rowElements = last < 0 ? 1 : Math.Min(chunkShape[last], shape[last] - at[last]);
        if (rowElements <= 0)
        {
            return 0;
        }

        long copied = 0;
        int rows = chunkShape.Length == 0 ? 1 : chunkShape[..last].Aggregate(1, (product, size) => product * size);
        for (int row = 0; row < rows; row++)
        {
            int rest = row, source = row * (last < 0 ? 1 : chunkShape[last]);
            long target = last < 0 ? 0 : at[last], stride = last < 0 ? 1 : shape[last];
            bool inside = true;
            for (int d = last - 1; d >= 0; d--)
            {
                int place = at[d] + rest % chunkShape[d];
                rest /= chunkShape[d];
                inside &= place < shape[d];
                target += place * stride;
                stride *= shape[d];
            }

            if (inside)
            {
                chunk.AsSpan(source * elementSize, rowElements * elementSize).CopyTo(elements.AsSpan((int)(target * elementSize)));
                copied += rowElements * elementSize;
            }
        }

        return copied;
    }
}
