using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using PureHDF;

namespace Cifar3.Training;

/// <summary>Lays a model out as Keras would: the groups, names and attributes of its HDF5 files and the entries of its archive.</summary>
internal static class KerasWriter
{
    private const string Keras3Version = "3.15.1", Keras2Version = "2.16.0"; // whose layout is written

    /// <summary>Writes a model in a format.</summary>
    public static void Write(Stream stream, CnnModel model, EngineState? state, double learningRate, KerasFormat format)
    {
        switch (format)
        {
            case KerasFormat.Keras3:
                WriteArchive(stream, model, state, learningRate);
                break;
            case KerasFormat.Keras3Weights:
                WriteHdf5(stream, Weights(model, state, learningRate));
                break;
            default:
                WriteHdf5(stream, Model(model, state, learningRate, format == KerasFormat.Keras3Hdf5));
                break;
        }
    }

    /// <summary>
    /// Writes an HDF5 tree: every dataset in one piece, as Keras' own files have it. It is put together in memory, so that a full disk fails
    /// in one write of the target's own and not inside the HDF5 library.
    /// </summary>
    public static void WriteHdf5(Stream stream, H5File file)
    {
        using var memory = new MemoryStream();
        file.Write(memory, new H5WriteOptions(PreferCompactDatasetLayout: false));
        memory.WriteTo(stream);
    }

    /// <summary>The whole model as HDF5: each weight under its layer and its full name.</summary>
    public static H5File Model(CnnModel model, EngineState? state, double learningRate, bool keras3)
    {
        string suffix = keras3 ? "" : ":0", version = keras3 ? Keras3Version : Keras2Version;
        var layers = new H5Group { Attributes = { ["layer_names"] = Names(model.Layers.Select(l => l.Name)), ["backend"] = "tensorflow", ["keras_version"] = version } };
        foreach (var layer in model.Layers.OrderBy(layer => layer.Name, StringComparer.Ordinal))
        {
            var names = layer.Weights.Select(w => $"{layer.Name}/{w.Name}").ToList();
            var group = new H5Group { Attributes = { ["weight_names"] = Names(names.Select(n => n + suffix)) } };
            names.ForEach(name => Put(group, name + suffix, Array(model[name])));
            layers[layer.Name] = group;
        }

        layers["top_level_model_weights"] = new H5Group { Attributes = { ["weight_names"] = Names([]) } };
        var file = new H5File
        {
            Attributes =
            {
                ["backend"] = "tensorflow",
                ["keras_version"] = version,
                ["model_config"] = KerasConfigWriter.Model(model, keras3).ToJsonString(),
                ["training_config"] = KerasConfigWriter.Training(learningRate).ToJsonString(),
                [KerasMetadata.Key] = KerasMetadata.Text(KerasMetadata.Of(model, state)),
            },
            ["model_weights"] = layers,
        };
        if (state is not null)
        {
            var arrays = (keras3 ? Adam3(state, learningRate) : Adam2(state)).ToList();
            var group = new H5Group { Attributes = { ["weight_names"] = Names(arrays.Select(a => a.Name)) } };
            arrays.ForEach(a => Put(group, a.Name, a.Data));
            file["optimizer_weights"] = group;
        }

        return file;
    }

    /// <summary>Keras 3's weights: variables numbered within their layer, without an architecture.</summary>
    public static H5File Weights(CnnModel model, EngineState? state, double learningRate)
    {
        var layers = new H5Group();
        foreach (var layer in model.Layers)
        {
            layers[layer.Name] = new H5Group { ["vars"] = Numbered(layer.Name, layer.Weights.Select(w => Array(model[$"{layer.Name}/{w.Name}"]))) };
        }

        var file = new H5File { ["layers"] = layers, ["vars"] = Numbered("sequential", []) };
        file.Attributes[KerasMetadata.Key] = KerasMetadata.Text(KerasMetadata.Of(model, state));
        file.Attributes[KerasReader.SettingsKey] = KerasConfigWriter.Settings(model, learningRate).ToJsonString();
        if (state is not null)
        {
            file["optimizer"] = new H5Group { ["vars"] = Numbered("adam", Adam3(state, learningRate).Select(a => a.Data)) };
        }

        return file;

        static H5Group Numbered(string name, IEnumerable<object> arrays)
        {
            var group = new H5Group { Attributes = { ["name"] = name } };
            foreach (object array in arrays)
            {
                group[FormattableString.Invariant($"{group.Count}")] = array;
            }

            return group;
        }
    }

    private static void WriteArchive(Stream stream, CnnModel model, EngineState? state, double learningRate)
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        var metadata = new JsonObject { ["keras_version"] = Keras3Version, [KerasMetadata.Key] = KerasMetadata.Of(model, state) };
        Entry("metadata.json", target => target.Write(Encoding.UTF8.GetBytes(KerasMetadata.Text(metadata))));
        Entry("config.json", target => target.Write(Encoding.UTF8.GetBytes(KerasConfigWriter.Archive(model, learningRate).ToJsonString())));
        Entry("model.weights.h5", target =>
        {
            WriteHdf5(target, Weights(model, state, learningRate));
        });

        void Entry(string name, Action<Stream> write)
        {
            var entry = zip.CreateEntry(name, CompressionLevel.NoCompression);
            entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // the same model gives the same bytes
            using var target = entry.Open();
            write(target);
        }
    }

    /// <summary>Keras 3's Adam in its order: step, learning rate, then first and second moment of each weight.</summary>
    private static IEnumerable<(string Name, object Data)> Adam3(EngineState state, double learningRate) =>
    [
        ("adam/iteration", state.Step),
        ("adam/learning_rate", (float)learningRate),
        .. state.AdamM.Zip(state.AdamV).SelectMany(pair => new[] { (pair.First, "momentum"), (pair.Second, "velocity") })
            .Select(moment => ($"adam/{moment.Item1.Name.Replace('/', '_')}_{moment.Item2}", (object)Array(moment.Item1))),
    ];

    /// <summary>
    /// Keras 2's Adam in its order: step, all first moments, all second moments. This is the order of the optimizer named 'Adam', which
    /// every Keras 2 knows; 2.11 and newer write another ('Custom>Adam') that older ones refuse.
    /// </summary>
    private static IEnumerable<(string Name, object Data)> Adam2(EngineState state) =>
    [
        ("Adam/iter:0", state.Step),
        .. state.AdamM.Select(m => ($"Adam/{m.Name}/m:0", (object)Array(m))),
        .. state.AdamV.Select(v => ($"Adam/{v.Name}/v:0", (object)Array(v))),
    ];

    private static void Put(H5Group group, string path, object data)
    {
        string[] segments = path.Split('/');
        foreach (string segment in segments[..^1])
        {
            group = group.TryGetValue(segment, out object? child) ? (H5Group)child : (H5Group)(group[segment] = new H5Group());
        }

        group[segments[^1]] = data;
    }

    private static H5Dataset Array(WeightTensor weight) => new(weight.ToArray(), fileDims: [.. weight.Shape.Select(d => (ulong)d)]);

    private static object Names(IEnumerable<string> names) => names.ToArray() is { Length: > 0 } list ? list : System.Array.Empty<double>();
}
