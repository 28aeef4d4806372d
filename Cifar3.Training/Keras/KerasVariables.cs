using System.Globalization;

namespace Cifar3.Training;

/// <summary>A layer with weights as the file has it: its name and the path of each variable by its name (<c>kernel</c>, <c>gamma</c>, …).</summary>
internal sealed record FoundLayer(string Name, IReadOnlyDictionary<string, string> Variables);

/// <summary>
/// Where a Keras file keeps the variables of its layers: under layers' names (HDF5 models), or numbered under classes' names (archives and
/// <c>.weights.h5</c>).
/// </summary>
internal sealed class KerasVariables(Hdf5Reader file)
{
    /// <summary>The group of a model's layers: Keras 3 and TensorFlow from 2.14 on, then TensorFlow 2.12 and 2.13.</summary>
    private static readonly string[] LayerGroups = ["layers", "_layer_checkpoint_dependencies"];

    private const string WholeModel = "Expected a whole model: load the weights in Keras and save it with model.save(\"model.keras\").";

    /// <summary>Whether the file has numbered variables.</summary>
    public bool AreNumbered => LayerGroups.Any(file.Exists);

    /// <summary>HDF5 models: a group for each layer of the outermost model, whose attribute names its weights (<c>conv2d_1/kernel:0</c>).</summary>
    /// <param name="prefix">Path of the layers' groups, ending with a slash, or empty.</param>
    /// <param name="configured">The layers that the architecture names; null for weights alone.</param>
    public List<FoundLayer> ByName(string prefix, IReadOnlyList<KerasLayer>? configured)
    {
        if (configured is not null)
        {
            return Complete([.. configured.Select(layer => Of(prefix, layer))]);
        }

        // Weights alone: layers of all groups in order. A nested model's group holds several layers, told apart by the names within.
        var found = new List<FoundLayer>();
        foreach (string name in file.Texts("/", "layer_names") ?? [])
        {
            found.AddRange(Weights(prefix + name, name).GroupBy(weight => weight.Scope).Select(layer => Named(layer.Key, layer))); // nested models list trainable weights first, so a layer's may be apart
        }

        return found.Find(layer => layer.Variables.ContainsKey("mean") && layer.Variables.ContainsKey("variance")) is { } adapted ? throw Adapted(adapted.Name) : Complete(found);
    }

    /// <summary>Archives: layers named by class and number within their model, variables numbered in Keras' order.</summary>
    /// <param name="configured">The layers that the architecture names; null for weights alone.</param>
    public List<FoundLayer> Numbered(IReadOnlyList<KerasLayer>? configured)
    {
        var expected = new CnnArchitecture().CreateLayers().Where(layer => layer.Weights.Length > 0).ToList();
        if (configured is not null)
        {
            return Complete([.. configured.Zip(expected).Select(pair => new FoundLayer(pair.First.Name, NumberedVariables(NumberedPath(pair.First), pair.Second)))]);
        }

        string root = Root("") ?? throw new Cifar3ModelException("The file has no group 'layers' with the weights.");
        var places = new Dictionary<string, List<string>>();
        bool isMixed = false;
        Collect(root, 0);
        var found = new List<FoundLayer>();
        foreach (var layer in expected)
        {
            string kind = KerasChain.SnakeCase(layer.Kind);
            if (places.TryGetValue(kind, out var paths) && paths.Count > 0)
            {
                found.Add(new FoundLayer(paths[0].Split('/')[^1], NumberedVariables(paths[0], layer)));
                paths.RemoveAt(0);
            }
        }

        if (places.GetValueOrDefault("normalization") is [var adapted, ..])
        {
            throw Adapted(adapted);
        }

        if (places.FirstOrDefault(place => place.Value.Count > 0) is { Value: { } rest })
        {
            throw new Cifar3ModelException($"Layer '{rest[0].Split('/')[^1]}' does not belong to this network. Expected: {string.Join(", ", expected.Select(layer => layer.Name))}.");
        }

        Complete(found);
        if (isMixed && found.CountBy(Shapes).FirstOrDefault(alike => alike.Value > 1) is { Key: { } shapes })
        {
            string[] alike = [.. found.Where(layer => Shapes(layer) == shapes).Take(2).Select(layer => layer.Variables.Values.First().Split("/vars/")[0])];
            throw new Cifar3ModelException($"Layers '{alike[0]}' and '{alike[1]}' have weights of the same shapes, in models within models whose order weights alone do not tell. {WholeModel}");
        }

        return found;

        string Shapes(FoundLayer layer) => string.Join(' ', layer.Variables.Values.Select(path => string.Join(',', file.Shape(path))));

        // Gives the classes with variables. Of each, those in models of one class come in its order; in models of several, or beside them, the groups tell none.
        IEnumerable<string> Collect(string group, int depth)
        {
            if (depth > 8)
            {
                throw new Cifar3ModelException($"'{group}' lies too deep: models are nested in models more than 8 times.");
            }

            var holders = new Dictionary<string, string>();
            foreach (string name in file.Children(group).OrderBy(Kind, StringComparer.Ordinal).ThenBy(Number))
            {
                string path = $"{group}/{name}", kind = Kind(name);
                IEnumerable<string> held = [];
                if (Root(path + "/") is { } inner)
                {
                    held = Collect(inner, depth + 1);
                }
                else if (file.Exists($"{path}/vars/0"))
                {
                    (places.TryGetValue(kind, out var known) ? known : places[kind] = []).Add(path);
                    held = [kind];
                }

                foreach (string layers in held)
                {
                    isMixed |= !holders.TryAdd(layers, kind) && holders[layers] != kind;
                }
            }

            return holders.Keys;
        }
    }

    /// <summary>The paths of a numbered list of variables, such as the optimizer's.</summary>
    public List<string> List(string group)
    {
        var paths = new List<string>();
        while (file.Exists(FormattableString.Invariant($"{group}/{paths.Count}")))
        {
            paths.Add(FormattableString.Invariant($"{group}/{paths.Count}"));
        }

        return paths;
    }

    /// <summary>A layer's variables of any name, in the file's order; empty where there are none.</summary>
    public List<string> AnyOf(string? prefix, KerasLayer layer) =>
        prefix is null ? List($"{NumberedPath(layer)}/vars") : [.. Weights(prefix + layer.Outermost, layer.Name).Where(weight => IsOf(layer, weight.Scope)).Select(weight => weight.Path)];

    /// <summary>The layers with weights must be those of the network, in order; their variables tell which is which.</summary>
    private static List<FoundLayer> Complete(List<FoundLayer> found)
    {
        var expected = new CnnArchitecture().CreateLayers().Where(layer => layer.Weights.Length > 0).ToList();
        for (int i = 0; i < Math.Max(found.Count, expected.Count); i++)
        {
            string want = i < expected.Count ? $"{expected[i].Kind} with {string.Join(", ", expected[i].Weights.Select(w => w.Name))}" : "the end";
            string got = i < found.Count ? $"'{found[i].Name}' with {string.Join(", ", found[i].Variables.Keys)}" : "the end";
            if (i >= found.Count || i >= expected.Count || !expected[i].Weights.Select(w => w.Name).ToHashSet().SetEquals(found[i].Variables.Keys))
            {
                throw new Cifar3ModelException($"Layer {i + 1} of those with weights is not this network's: expected {want}, found {got}.");
            }
        }

        return found;
    }

    private FoundLayer Of(string prefix, KerasLayer layer)
    {
        // The weights of a nested model's layers all lie in the outermost nested model's group.
        string group = layer.Outermost;
        if (!file.Exists(prefix + group))
        {
            throw new Cifar3ModelException($"Layer '{group}' is missing: expected the group '{prefix}{group}' with its weights.");
        }

        return Named(layer.Name, Weights(prefix + group, group).Where(weight => layer.Containers.Count == 0 || IsOf(layer, weight.Scope)));
    }

    /// <summary>Whether weights of a scope are a layer's: it ends with the layer's name, which may have slashes in Keras 2.</summary>
    private static bool IsOf(KerasLayer layer, string scope) => scope == layer.Name || scope.EndsWith("/" + layer.Name, StringComparison.Ordinal);

    private static FoundLayer Named(string layer, IEnumerable<(string Scope, string Variable, string Path)> weights)
    {
        var variables = new Dictionary<string, string>();
        foreach (var (_, variable, path) in weights)
        {
            if (!variables.TryAdd(variable, path) && variables[variable] != path)
            {
                throw new Cifar3ModelException($"Layer '{layer}' has two variables '{variable}': '{variables[variable]}' and '{path}'. Expected one. Give the layers of the model different names and save it again.");
            }
        }

        return new FoundLayer(layer, variables);
    }

    /// <summary>The error for a Normalization layer beside weights alone: whether it shifts, along which axis and what else prepares the input, the architecture alone tells.</summary>
    private static Cifar3ModelException Adapted(string layer) =>
        new($"The model prepares its input by a Normalization layer ('{layer}'), whose place and settings weights alone do not tell. {WholeModel}");

    private IEnumerable<(string Scope, string Variable, string Path)> Weights(string group, string name) =>
        (file.Texts(group, "weight_names") ?? []).Select(weight =>
        {
            int end = weight.LastIndexOf('/');
            return (end > 0 ? weight[..end] : name, weight[(end + 1)..].Split(':')[0], $"{group}/{weight}");
        });

    /// <summary>The variables of one of the network's layers, in Keras' order.</summary>
    /// <exception cref="Cifar3ModelException">It has others beside them: scales of quantized weights, or those of an activation that learns. Without them it computes something else.</exception>
    private Dictionary<string, string> NumberedVariables(string path, CnnLayer layer)
    {
        string[] numbers = [.. layer.Weights.Select((_, i) => i.ToString(CultureInfo.InvariantCulture))];
        string? other = file.Children($"{path}/vars").Except(numbers).Select(name => $"{path}/vars/{name}").FirstOrDefault()
            ?? file.Children(path).Where(name => name != "vars" && file.Children($"{path}/{name}/vars").Count > 0).Select(name => $"{path}/{name}/vars").FirstOrDefault();
        return other is null
            ? layer.Weights.Zip(numbers, (weight, number) => (weight.Name, Path: $"{path}/vars/{number}")).Where(v => file.Exists(v.Path)).ToDictionary(v => v.Name, v => v.Path)
            : throw new Cifar3ModelException($"'{other}' is no variable of this network's {layer.Kind}. Expected {string.Join(", ", layer.Weights.Select(w => w.Name))} and nothing else: with scales of quantized weights, or with an activation that learns, the layer computes something else. Save the model as it was before model.quantize(...).");
    }

    /// <summary>A layer's group: the n-th of its class that has variables, in the n-th model of its class, and so on.</summary>
    private string NumberedPath(KerasLayer layer)
    {
        string parent = layer.Parent is { } model ? NumberedPath(model) + "/" : "";
        string root = Root(parent) ?? throw new Cifar3ModelException($"Layer '{layer.Name}' is missing: expected the group '{parent}layers'.");
        string kind = KerasChain.SnakeCase(layer.Kind);

        // TensorFlow 2.12 and 2.13 list some layers twice and leave numbers out, so the order counts and not the number.
        var named = file.Children(root).Where(name => Kind(name) == kind && (file.Exists($"{root}/{name}/vars/0") || Root($"{root}/{name}/") is not null)).OrderBy(Number).ToList();
        int ordinal = layer.IsModel && named.Count > 0 ? Ordinal(layer, kind, root) : layer.Ordinal;
        return ordinal < named.Count
            ? $"{root}/{named[ordinal]}"
            : throw new Cifar3ModelException($"Layer '{layer.Name}' is missing: expected {ordinal + 1} groups '{kind}' with variables in '{root}', found {named.Count}.");
    }

    /// <summary>Nested models without weights (of augmentation layers, say) may have no group: then those with weights move up.</summary>
    private int Ordinal(KerasLayer model, string kind, string root)
    {
        string exact = model.Ordinal == 0 ? kind : FormattableString.Invariant($"{kind}_{model.Ordinal}");
        var all = file.Children(root).Where(name => Kind(name) == kind && (file.Exists($"{root}/{name}/vars/0") || Root($"{root}/{name}/") is not null)).OrderBy(Number).ToList();
        int index = all.IndexOf(exact);
        return index >= 0 ? index : Math.Min(model.Ordinal, all.Count - 1);
    }

    private string? Root(string parent) => LayerGroups.Select(name => parent + name).FirstOrDefault(file.Exists);

    /// <summary>The class part of a numbered name: <c>conv2d_3</c> is of <c>conv2d</c>.</summary>
    private static string Kind(string name) => Number(name) > 0 ? name[..name.LastIndexOf('_')] : name;

    private static int Number(string name)
    {
        int underline = name.LastIndexOf('_');
        return underline > 0 && int.TryParse(name.AsSpan(underline + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;
    }
}
