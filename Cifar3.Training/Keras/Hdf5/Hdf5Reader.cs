using PureHDF;
using PureHDF.VOL.Native;

namespace Cifar3.Training;

/// <summary>Reads texts and number arrays of an HDF5 file through PureHDF, after <see cref="Hdf5Guard"/> has checked it.</summary>
internal sealed class Hdf5Reader : IDisposable
{
    private readonly NativeFile file;
    private readonly Dictionary<IH5Group, Dictionary<string, IH5Object>> children = [];

    /// <summary>Opens a whole file in memory.</summary>
    /// <exception cref="Cifar3ModelException">It is not HDF5 or is damaged.</exception>
    public Hdf5Reader(byte[] content)
    {
        Hdf5Guard.Check(content);
        file = H5File.Open(new MemoryStream(content, writable: false));
    }

    /// <summary>Whether a group or dataset of this path exists.</summary>
    public bool Exists(string path) => Find(path) is not null;

    /// <summary>The names of what a group holds; empty when there is no such group.</summary>
    public IReadOnlyCollection<string> Children(string path) => Find(path) is IH5Group group ? Children(group).Keys : [];

    /// <summary>A text attribute of a group; null when the group or the attribute is missing.</summary>
    public string? Text(string group, string name) => Texts(group, name) is [var single] ? single : null;

    /// <summary>
    /// A list of texts, of fixed or variable length; null when it is missing. Lists too long for an object header are cut by Keras
    /// into <c>name0</c>, <c>name1</c>, …
    /// </summary>
    public IReadOnlyList<string>? Texts(string group, string name)
    {
        if (Find(group) is not IH5Group found)
        {
            return null;
        }

        if (found.AttributeExists(name))
        {
            return [.. Texts(found.Attribute(name))];
        }

        List<string>? parts = null;
        for (int i = 0; found.AttributeExists($"{name}{i}"); i++)
        {
            (parts ??= []).AddRange(Texts(found.Attribute($"{name}{i}")));
        }

        return parts;
    }

    /// <summary>The shape of a dataset; empty for a scalar.</summary>
    public IReadOnlyList<int> Shape(string path) => [.. Dataset(path).Space.Dimensions.Select(d => checked((int)d))];

    /// <summary>A dataset's numbers, row-major, as float32; float16, float64 and integers are converted.</summary>
    /// <param name="path">Path from the root.</param>
    /// <param name="type">The type in the file, such as <c>float16</c>.</param>
    public float[] Floats(string path, out string type)
    {
        var dataset = Dataset(path);
        (float[] values, type) = (dataset.Type.Class, dataset.Type.Size) switch
        {
            (H5DataTypeClass.FloatingPoint, 4) => (dataset.Read<float[]>(), "float32"),
            (H5DataTypeClass.FloatingPoint, 2) => (Array.ConvertAll(dataset.Read<Half[]>(), value => (float)value), "float16"),
            (H5DataTypeClass.FloatingPoint, 8) => (Array.ConvertAll(dataset.Read<double[]>(), value => (float)value), "float64"),
            var (kind, size) => throw new Cifar3ModelException($"'{path}' holds {kind} numbers of {size} bytes. Expected float32, float16 or float64."),
        };
        return values;
    }

    /// <summary>A single integer, such as the optimizer's step.</summary>
    public long Integer(string path)
    {
        var dataset = Dataset(path);
        return (dataset.Type.Class, dataset.Type.Size, dataset.Space.Dimensions.Aggregate(1UL, (product, d) => product * d)) switch
        {
            (H5DataTypeClass.FixedPoint, 8, 1) => dataset.Read<long[]>()[0],
            (H5DataTypeClass.FixedPoint, 4, 1) => dataset.Read<int[]>()[0],
            var (kind, size, count) => throw new Cifar3ModelException($"'{path}' holds {count:N0} {kind} numbers of {size} bytes. Expected one integer."),
        };
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    private static IEnumerable<string> Texts(IH5Attribute attribute)
    {
        if (attribute.Space.Dimensions is [0])
        {
            return []; // Keras writes an empty list of names as an empty list of numbers
        }

        var texts = attribute.Type.Class is H5DataTypeClass.String or H5DataTypeClass.VariableLength
            ? attribute.Space.Rank == 0 ? [attribute.Read<string>()] : attribute.Read<string[]>()
            : throw new Cifar3ModelException($"Attribute '{attribute.Name}' is of type {attribute.Type.Class}. Expected text.");
        return texts.Select(text => text?.TrimEnd('\0') ?? "");
    }

    private IH5Dataset Dataset(string path) =>
        Find(path) as IH5Dataset ?? throw new Cifar3ModelException($"'{path}' is missing in the file.");

    /// <summary>The object at a path, group by group; every group is listed once, as PureHDF would read it again for each look-up.</summary>
    private IH5Object? Find(string path)
    {
        IH5Object? found = file;
        foreach (string segment in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            found = found is IH5Group group ? Children(group).GetValueOrDefault(segment) : null;
        }

        return found;
    }

    private Dictionary<string, IH5Object> Children(IH5Group group)
    {
        if (!children.TryGetValue(group, out var known))
        {
            children[group] = known = [];
            foreach (var child in group.Children())
            {
                known.TryAdd(child.Name, child);
            }
        }

        return known;
    }
}
