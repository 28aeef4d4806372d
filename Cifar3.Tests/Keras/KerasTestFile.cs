using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Cifar3.Training;
using PureHDF;

namespace Cifar3.Tests;

/// <summary>Keras files with something changed on purpose.</summary>
internal static class KerasTestFile
{
    /// <summary>A small model with Adam's state after some steps.</summary>
    public static (CnnModel Model, EngineState State) Trained()
    {
        var model = TestModels.Random(filters: [4, 4, 8]);
        var random = new Random(5);
        var zero = EngineState.Initial(model);
        return (model, zero with { AdamM = Fill(zero.AdamM), AdamV = Fill(zero.AdamV), Step = 7 });

        List<WeightTensor> Fill(IReadOnlyList<WeightTensor> like) => [.. like.Select(w => new WeightTensor(w.Name, w.Shape, [.. Enumerable.Range(0, w.Count).Select(_ => random.NextSingle())]))];
    }

    /// <summary>A <c>.keras</c> file of this library whose architecture was edited.</summary>
    public static byte[] Archive(Action<JsonNode>? edit = null, Action<H5File>? editWeights = null)
    {
        var (model, state) = Trained();
        var config = KerasConfigWriter.Archive(model, 1e-3);
        edit?.Invoke(config);
        return Zip(config.ToJsonString(), Weights(editWeights));
    }

    /// <summary>Keras 3's weights alone, edited.</summary>
    public static byte[] Weights(Action<H5File>? edit = null)
    {
        var (model, state) = Trained();
        var file = KerasWriter.Weights(model, state, 1e-3);
        edit?.Invoke(file);
        return Bytes(file);
    }

    /// <summary>A whole model as HDF5, edited.</summary>
    public static byte[] Hdf5(Action<H5File>? edit = null, bool keras3 = true)
    {
        var (model, state) = Trained();
        var file = KerasWriter.Model(model, state, 1e-3, keras3);
        edit?.Invoke(file);
        return Bytes(file);
    }

    public static byte[] Bytes(H5File file)
    {
        using var stream = new MemoryStream();
        KerasWriter.WriteHdf5(stream, file);
        return stream.ToArray();
    }

    public static byte[] Zip(string config, byte[] weights, CompressionLevel level = CompressionLevel.NoCompression) => Zip(Encoding.UTF8.GetBytes(config), weights, level);

    public static byte[] Zip(byte[] config, byte[] weights, CompressionLevel level = CompressionLevel.NoCompression)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Entry("metadata.json", "{\"keras_version\": \"3.15.1\"}"u8);
            Entry("config.json", config);
            Entry("model.weights.h5", weights);

            void Entry(string name, ReadOnlySpan<byte> content)
            {
                using var target = zip.CreateEntry(name, level).Open();
                target.Write(content);
            }
        }

        return stream.ToArray();
    }

    /// <summary>The entries of an archive.</summary>
    public static Dictionary<string, byte[]> Unzip(byte[] archive)
    {
        using var zip = new ZipArchive(new MemoryStream(archive), ZipArchiveMode.Read);
        return zip.Entries.ToDictionary(entry => entry.FullName, entry =>
        {
            using var stream = entry.Open();
            using var content = new MemoryStream();
            stream.CopyTo(content);
            return content.ToArray();
        });
    }

    /// <summary>The entry of a layer in an architecture, counted from the first convolution.</summary>
    public static JsonNode Layer(this JsonNode config, string name) => config["config"]!["layers"]!.AsArray().Single(layer => (string?)layer!["config"]!["name"] == name)!;

    /// <summary>The group at a path.</summary>
    public static H5Group Group(this H5File file, string path) => path.Split('/').Aggregate((H5Group)file, (group, name) => (H5Group)group[name]);

    /// <summary>Reads bytes that must be refused; returns the message.</summary>
    public static string Refusal(byte[] content)
    {
        var error = Assert.Throws<Cifar3ModelException>(() => KerasFile.Parse(content, "m.keras"));
        Assert.That(error!.Message, Does.StartWith("Cannot read Keras file 'm.keras': "));
        return error.Message;
    }
}
