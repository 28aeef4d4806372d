using System.Text;

namespace Cifar3.Training;

/// <summary>Reads texts and number arrays of an HDF5 file in memory, by path.</summary>
/// <remarks>
/// What is not asked for is not read. Work and memory are bounded by the file's size, whatever it says: <see cref="Hdf5Structure"/> holds
/// the limits of its structures, <see cref="Hdf5Data"/> those of its numbers.
/// </remarks>
internal sealed class Hdf5Reader
{
    /// <summary>The most bytes of text in attributes, where each text counts as some at least and as often as it is asked for.</summary>
    public const int MaxStrings = 16 << 20, LeastString = 64;

    /// <summary>The most steps from a group to what it holds, over all paths that are asked for and all groups that are listed: a whole model takes some thousands.</summary>
    public const int MaxSteps = 2_000_000;

    private readonly Hdf5Structure file;
    private readonly Hdf5Data data;
    private readonly Dictionary<ulong, Dictionary<int, ReadOnlyMemory<byte>>> collections = [];
    private long strings, steps;

    /// <summary>Opens a whole file in memory.</summary>
    /// <exception cref="Cifar3ModelException">It is not HDF5 or is damaged.</exception>
    public Hdf5Reader(ReadOnlyMemory<byte> content)
    {
        file = new Hdf5Structure(content);
        data = new Hdf5Data(file);
    }

    /// <summary>Whether a group or dataset of this path exists.</summary>
    public bool Exists(string path) => Find(path) is not null;

    /// <summary>The names of what a group holds; empty when there is no such group.</summary>
    public IReadOnlyCollection<string> Children(string path)
    {
        var links = Find(path)?.Links;
        Step(links?.Count ?? 0);
        return links?.Keys ?? (IReadOnlyCollection<string>)[];
    }

    /// <summary>A text attribute of an object; null when the object or the attribute is missing.</summary>
    public string? Text(string path, string name) => Texts(path, name) is [var single] ? single : null;

    /// <summary>
    /// A list of texts, of fixed or variable length; null when it is missing. Lists too long for an object header are cut by Keras
    /// into <c>name0</c>, <c>name1</c>, …
    /// </summary>
    public IReadOnlyList<string>? Texts(string path, string name)
    {
        if (Find(path) is not { } found)
        {
            return null;
        }

        if (found.Attributes.TryGetValue(name, out var whole))
        {
            return Texts(whole, name);
        }

        List<string>? parts = null;
        for (int i = 0; found.Attributes.TryGetValue(FormattableString.Invariant($"{name}{i}"), out var part); i++)
        {
            (parts ??= []).AddRange(Texts(part, name));
        }

        return parts;
    }

    /// <summary>The shape of a dataset; empty for a scalar.</summary>
    public IReadOnlyList<int> Shape(string path) => Dataset(path).Shape ?? throw Hdf5Error.Damaged($"The HDF5 dataset '{path}' has no shape");

    /// <summary>A dataset's numbers, row-major, as float32; float16, bfloat16 and float64 are converted.</summary>
    /// <param name="path">Path from the root.</param>
    /// <param name="type">The type in the file, such as <c>float16</c>.</param>
    public float[] Floats(string path, out string type)
    {
        var dataset = Dataset(path);
        type = dataset.Type?.Name ?? "nothing";
        return dataset.Type is { } known ? known.ToFloats(data.Read(dataset, path).Span, path) : throw Hdf5Error.Damaged($"The HDF5 dataset '{path}' has no type");
    }

    /// <summary>A single integer, such as the optimizer's step; null when it is something else.</summary>
    public long? Integer(string path) =>
        Dataset(path) is { Type: { Kind: Hdf5Kind.Integer, Size: >= 4 } type, Shape: { } shape } dataset && shape.All(size => size == 1) ? type.ToInteger(data.Read(dataset, path).Span) : null;

    private List<string> Texts(Hdf5Attribute attribute, string name)
    {
        if (attribute.Count == 0)
        {
            return []; // Keras writes an empty list of names as an empty list of numbers
        }

        if (attribute.Type.Kind is not (Hdf5Kind.FixedText or Hdf5Kind.VariableText))
        {
            throw new Cifar3ModelException($"Attribute '{name}' holds {attribute.Type.Name}. Expected text.");
        }

        var cursor = new Hdf5Cursor(attribute.Values);
        var texts = new List<string>();
        for (long i = 0; i < attribute.Count; i++)
        {
            var text = attribute.Type.Kind == Hdf5Kind.FixedText ? cursor.Take(attribute.Type.Size) : Variable(cursor);
            strings += Math.Max(text.Length, LeastString);
            if (strings > MaxStrings)
            {
                throw Hdf5Error.Damaged($"The HDF5 file's attributes hold more than {MaxStrings:N0} bytes of text, each text counted as {LeastString} or more");
            }

            texts.Add(Encoding.UTF8.GetString(text).TrimEnd('\0'));
        }

        return texts;
    }

    /// <summary>A text in a global heap collection; many may point to one.</summary>
    private ReadOnlySpan<byte> Variable(Hdf5Cursor reference)
    {
        int length = Hdf5Cursor.Checked(reference.UInt32());
        ulong address = reference.Address();
        int index = (int)reference.UInt32();
        if (address is 0 or ulong.MaxValue || length == 0)
        {
            return [];
        }

        if (!collections.TryGetValue(address, out var texts))
        {
            texts = collections[address] = Collection(address);
        }

        return texts.TryGetValue(index, out var text) && length <= text.Length
            ? text.Span[..length]
            : throw Hdf5Error.Damaged($"The HDF5 file has no text {index} of {length:N0} bytes at {address:N0}");
    }

    private Dictionary<int, ReadOnlyMemory<byte>> Collection(ulong address)
    {
        var head = new Hdf5Cursor(file.Block(address, 16, "text heap"));
        head.Expect("GCOL");
        head.Position = 8;
        var body = new Hdf5Cursor(file.Block(address, head.Address(), "text heap", MaxStrings)) { Position = 16 }; // this library's own entry, whole
        var texts = new Dictionary<int, ReadOnlyMemory<byte>>();
        while (body.Remaining > 16)
        {
            int index = body.UInt16();
            if (index == 0)
            {
                break;
            }

            body.Take(6);
            int size = body.Length();
            texts[index] = body.Slice(size);
            body.Take(Math.Min(-size & 7, body.Remaining));
        }

        return texts;
    }

    private Hdf5Object Dataset(string path) =>
        Find(path) is { IsDataset: true } found ? found : throw new Cifar3ModelException($"'{path}' is missing in the file.");

    /// <summary>The object at a path, group by group; null when there is none.</summary>
    private Hdf5Object? Find(string path)
    {
        var found = file.Root;
        foreach (string segment in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            Step(1);
            if (!found.Links.TryGetValue(segment, out ulong? address))
            {
                return null;
            }

            found = file.Object(address ?? throw Hdf5Error.Unsupported($"'{path}' is a link to another place or file"));
        }

        return found;
    }

    private void Step(int count)
    {
        steps += count;
        if (steps > MaxSteps)
        {
            throw Hdf5Error.Damaged($"The HDF5 file's groups hold one another on so many ways that looking through them would take more than {MaxSteps:N0} steps");
        }
    }
}
