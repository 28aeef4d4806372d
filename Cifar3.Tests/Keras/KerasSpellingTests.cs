using System.IO.Compression;
using System.Text.Json;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// One network in the spellings that people give it, written by real Keras 3 and Keras 2 (tf_keras): each file gives what Keras itself
/// predicts, or is refused by a line that says why. One Python process writes them all; docs/from-keras.md lists what is tried here.
/// </summary>
public sealed class KerasSpellingTests
{
    /// <summary>
    /// Each variant builds a list of layers, or a model; <c>feed</c> is what its input is, as a factor of pixel/255. Weights are random,
    /// batch statistics too, so that a layer left out or taken twice shows.
    /// </summary>
    internal const string Script = """
        import json, os, sys
        os.environ["KERAS_BACKEND"] = "tensorflow"
        import h5py, numpy as np, io, zipfile
        import keras as k3, tf_keras as k2
        out = sys.argv[1]
        pixels = np.frombuffer(open(out + "/pixels.bin", "rb").read(), np.uint8).reshape(-1, 32, 32, 3).astype("float32")
        expected = {}

        def body(k, relu="relu", last="softmax", norm={}, dropout=.5, conv={}, name=lambda i: {}, pads=False, pool={}, extra=lambda k: []):
            L, layers, i = k.layers, [], 0
            def add(layer, **kw):
                nonlocal i
                layers.append(layer(**kw, **name(i))); i += 1
            for f in (4, 4, 8):
                for padding in ("same", "valid"):
                    if padding == "same" and pads: layers.append(L.ZeroPadding2D(1))
                    add(L.Conv2D, filters=f, kernel_size=3, padding="valid" if pads else padding, activation=None if relu in ("Activation", "ReLU") else relu, **conv)
                    if relu == "Activation": layers.append(L.Activation("relu"))
                    if relu == "ReLU": layers.append(L.ReLU())
                    if padding == "same": add(L.BatchNormalization, **norm)
                add(L.MaxPooling2D, pool_size=2, **(pool if f == 8 or len(layers) < 8 else {}))
                if dropout: add(L.Dropout, rate=dropout)
                layers += extra(k)
            add(L.Flatten)
            add(L.Dense, units=3, activation=None if last in ("Softmax", "Activation", "logits") else last)
            if last == "Softmax": layers.append(L.Softmax())
            if last == "Activation": layers.append(L.Activation("softmax"))
            return layers

        def sequential(k, layers, batch=None): return k.Sequential([k.Input((32, 32, 3), batch_size=batch)] + layers)
        def functional(k, layers):
            x = y = k.Input((32, 32, 3))
            for layer in layers: y = layer(y)
            return k.Model(x, y)
        def frozen(m):
            for layer in m.layers[:3]: layer.trainable = False
            return m
        def mixed(k, policy):
            k.mixed_precision.set_global_policy(policy)
            m = sequential(k, body(k)); k.mixed_precision.set_global_policy("float32"); return m
        def adapted(k, axis=-1): # finds its mean, 0, and its variance from data, and stores them as variables
            n = k.layers.Normalization(axis=axis); n.adapt(np.stack([np.full((2, 2, 3), v, "float32") for v in (-60, 60, -90, 90)])); return n
        aug = lambda k: [k.layers.RandomFlip("horizontal"), k.layers.RandomRotation(.1), k.layers.RandomZoom(.1), k.layers.RandomContrast(.2), k.layers.RandomTranslation(.1, .1)]
        variants = {
            "plain": (1, lambda k: sequential(k, body(k))),
            "functional": (1, lambda k: functional(k, body(k))),
            "functional_named": (1, lambda k: functional(k, body(k, name=lambda i: {"name": f"my-layer-{i}"}))),
            "nested_sequential": (1, lambda k: sequential(k, [k.Sequential(body(k)[:10]), k.Sequential(body(k)[10:])])),
            "nested_front": (1, lambda k: sequential(k, [k.Sequential(aug(k))] + body(k))),
            "nested_whole": (1, lambda k: sequential(k, [sequential(k, body(k))])),
            "functional_in_sequential": (1, lambda k: sequential(k, [functional(k, body(k))])),
            "sequential_in_functional": (1, lambda k: functional(k, [k.Sequential(aug(k)), sequential(k, body(k))])),
            "activation_layers": (1, lambda k: sequential(k, body(k, relu="Activation", last="Activation"))),
            "relu_layers": (1, lambda k: functional(k, body(k, relu="ReLU", last="Softmax"))),
            "relu_function": (1, lambda k: sequential(k, body(k, relu=k.activations.relu, last=k.activations.softmax))),
            "logits": (1, lambda k: sequential(k, body(k, last="logits"))),
            "augmentation": (1, lambda k: sequential(k, aug(k) + body(k))),
            "rescaling_255": (255, lambda k: sequential(k, [k.layers.Rescaling(1 / 255)] + body(k))),
            "rescaling_127": (255, lambda k: sequential(k, [k.layers.Rescaling(1 / 127.5)] + body(k))),
            "augmentation_rescaling": (255, lambda k: sequential(k, aug(k)[:2] + [k.layers.Rescaling(1 / 255)] + aug(k)[2:3] + body(k))),
            "normalization_scale": (255, lambda k: sequential(k, [k.layers.Normalization(mean=[0, 0, 0], variance=[3000., 4000., 5000.])] + body(k))),
            "normalization_adapted": (255, lambda k: sequential(k, [adapted(k)] + body(k))),
            "normalization_over_all": (255, lambda k: sequential(k, [k.layers.Normalization(axis=None, mean=0., variance=4000.)] + body(k))),
            "normalization_over_all_adapted": (255, lambda k: sequential(k, [adapted(k, axis=None)] + body(k))),
            "fixed_batch": (1, lambda k: sequential(k, body(k), batch=4)),
            "frozen": (1, lambda k: frozen(sequential(k, body(k)))),
            "norm_settings": (1, lambda k: sequential(k, body(k, norm=dict(momentum=.9, epsilon=1e-5)))),
            "regularizer": (1, lambda k: sequential(k, body(k, conv=dict(kernel_regularizer="l2")))),
            "no_dropout": (1, lambda k: sequential(k, body(k, dropout=0))),
            "noise": (1, lambda k: sequential(k, [k.layers.GaussianNoise(.1)] + body(k, extra=lambda k: [k.layers.SpatialDropout2D(.2)]))),
            "zero_padding": (1, lambda k: sequential(k, body(k, pads=True))),
            "mixed_float16": (1, lambda k: mixed(k, "mixed_float16")),
            "accents": (1, lambda k: sequential(k, body(k, name=lambda i: {"name": f"couche_{i}_é"}))),
            "japanese": (1, lambda k: functional(k, body(k, name=lambda i: {"name": f"層{i}"}))),
            "long_names": (1, lambda k: sequential(k, body(k, name=lambda i: {"name": f"layer_{i:02d}_" + "x" * 190}))),
            "slashes": (1, lambda k: sequential(k, body(k, name=lambda i: {"name": f"block{i // 5}/layer{i}"}))),
            "slashes_nested": (1, lambda k: sequential(k, [sequential(k, body(k, name=lambda i: {"name": f"block{i // 5}/layer{i}"}))])),
            # refused
            "rescaling_shift": (255, lambda k: sequential(k, [k.layers.Rescaling(1 / 127.5, offset=-1)] + body(k))),
            "normalization_shift": (255, lambda k: sequential(k, [k.layers.Normalization(mean=[120., 120., 110.], variance=[4000., 4000., 4000.])] + body(k))),
            "leaky": (1, lambda k: sequential(k, body(k, relu=k.layers.LeakyReLU()))),
            "relu6": (1, lambda k: sequential(k, body(k, relu=k.layers.ReLU(max_value=6.)))),
            "dilated": (1, lambda k: sequential(k, body(k)[:1] + [k.layers.BatchNormalization(), k.layers.Conv2D(4, 3, dilation_rate=2, activation="relu")] + body(k)[4:])),
            "dropout_in_inference": (1, lambda k: (lambda x: k.Model(x, sequential(k, body(k))(k.layers.Dropout(.5)(x, training=True))))(k.Input((32, 32, 3)))),
            "branch": (1, lambda k: (lambda x: k.Model(x, k.layers.Average()([sequential(k, body(k))(x), sequential(k, body(k))(x)])))(k.Input((32, 32, 3)))),
            "sigmoid": (1, lambda k: sequential(k, body(k, last="sigmoid"))),
        }

        def randomize(m, seed):
            r = np.random.default_rng(seed)
            def value(w):
                n = w.name.split("/")[-1].split(":")[0]
                if n == "kernel": return (r.normal(size=w.shape) * (2 / np.prod(w.shape[:-1])) ** .5)
                if n in ("moving_variance", "gamma"): return r.uniform(.3, 2, w.shape)
                return r.normal(size=w.shape) * .2
            def each(layer):
                if hasattr(layer, "layers"):
                    for inner in layer.layers: each(inner)
                elif type(layer).__name__ in ("Conv2D", "Dense", "BatchNormalization"):
                    layer.set_weights([value(w).astype("float32") for w in layer.weights])
            each(m)

        def expect(m, name, feed=1):
            m.run_eagerly = True
            p = np.asarray(m(pixels / 255 * feed, training=False)).astype("float64")
            if np.abs(p.sum(1) - 1).max() > .01: e = np.exp(p - p.max(1, keepdims=True)); p = e / e.sum(1, keepdims=True)
            expected[name] = p.ravel().tolist()

        def rewritten(source, target, change, **kw):
            "a copy of an HDF5 file, every dataset made anew"
            with h5py.File(source) as s, h5py.File(target, "w", **kw) as t:
                def copy(a, b):
                    for key, value in a.attrs.items(): b.attrs[key] = value
                    for key, value in a.items():
                        if isinstance(value, h5py.Group): copy(value, b.create_group(key))
                        else:
                            data, options = change(value[()])
                            b.create_dataset(key, data=data, **(options if data.ndim else {}))
                copy(s, t)

        for k, generation in ((k3, 3), (k2, 2)):
            for name, (feed, make) in variants.items():
                if generation == 2 and name in ("accents", "japanese"): continue # its scopes are of ASCII
                if generation == 3 and name.startswith("slashes"): continue # its names have none
                k.backend.clear_session() if generation == 2 else k.utils.clear_session()
                m = make(k)
                randomize(m, len(name) + generation)
                m.compile("adam", "categorical_crossentropy")
                for ext in (".keras", ".h5"):
                    path = f"{name}.{generation}{ext}"
                    try: m.save(out + "/" + path)
                    except Exception as e: print("not saved", path, type(e).__name__, str(e)[:80]); continue
                    expect(m, path, feed)
                if name in ("plain", "nested_sequential", "functional", "norm_settings"):
                    path = f"{name}.{generation}.weights.h5"
                    m.save_weights(out + "/" + path); expect(m, path, feed)
                    if generation == 2:
                        path = f"{name}.2-legacy.h5"; m.save_weights(out + "/" + path); expect(m, path, feed)
                if name == "plain":
                    h5, keras = f"{out}/plain.{generation}.h5", f"{out}/plain.{generation}.keras"
                    same = expected[f"plain.{generation}.h5"]
                    def variant(label, change, **kw):
                        rewritten(h5, f"{out}/{label}.{generation}.h5", change, **kw); expected[f"{label}.{generation}.h5"] = same
                    variant("gzip", lambda a: (a, dict(compression="gzip", shuffle=True, fletcher32=True)))
                    variant("chunks", lambda a: (a, dict(chunks=tuple(max(1, (n + 1) // 2) for n in a.shape))))
                    variant("big_endian", lambda a: (a.astype(a.dtype.newbyteorder(">")), {}))
                    variant("float64", lambda a: (a.astype("float64") if a.dtype.kind == "f" else a, {}))
                    variant("new_format", lambda a: (a, {}), libver="latest")
                    variant("lzf", lambda a: (a, dict(compression="lzf")))
                    variant("new_chunks", lambda a: (a, dict(compression="gzip")), libver="latest")
                    # TensorFlow 2.12 and 2.13: another name of the group; layers are listed twice, and the second takes a number too
                    for ext in ("keras", "weights.h5"):
                        source = f"{out}/plain.{generation}.{ext}"
                        data = zipfile.ZipFile(source).read("model.weights.h5") if ext == "keras" else open(source, "rb").read()
                        b = io.BytesIO(data)
                        with h5py.File(b, "r+") as f:
                            f.move("layers", "_layer_checkpoint_dependencies")
                            g = f["_layer_checkpoint_dependencies"]
                            for kind, count in (("conv2d", 6), ("batch_normalization", 3)):
                                for i in reversed(range(1, count)): g.move(f"{kind}_{i}", f"{kind}_{2 * i}")
                        name2 = f"tf213.{generation}.{ext}"
                        if ext == "keras":
                            with zipfile.ZipFile(out + "/" + name2, "w") as w:
                                for n in zipfile.ZipFile(source).namelist():
                                    w.writestr(n, b.getvalue() if n.endswith(".h5") else zipfile.ZipFile(source).read(n))
                        else: open(out + "/" + name2, "wb").write(b.getvalue())
                        expected[name2] = same
        k3.config.set_dtype_policy("bfloat16")
        m = sequential(k3, body(k3)); randomize(m, 1)
        wide = None
        for ext in (".keras", ".h5"):
            m.save(out + "/bfloat16" + ext); expected["bfloat16" + ext] = None
        k3.config.set_dtype_policy("float32")
        wide = sequential(k3, body(k3)); wide.set_weights([np.asarray(w).astype("float32") for w in m.get_weights()])
        for ext in (".keras", ".h5"): expect(wide, "bfloat16" + ext)
        print("RESULT " + json.dumps(expected))
        """;

    /// <summary>What computes something else, or what is not read: a part of the message.</summary>
    internal static readonly Dictionary<string, string> Refused = new()
    {
        ["rescaling_shift"] = "shifts the input",
        ["normalization_shift"] = "shifts the input",
        ["leaky"] = "expected activation relu",
        ["relu6"] = "expected activation relu, found ReLU with its own settings",
        ["dilated"] = "expected dilation_rate [1,1], found [2,2]",
        ["dropout_in_inference"] = "called with training=true",
        ["branch"] = "Expected a chain of layers",
        ["sigmoid"] = "expected activation softmax, found sigmoid",
        ["lzf"] = "filtered with 'lzf'",
        ["new_chunks"] = "chunked with an index of HDF5 1.10",
    };

    /// <summary>What a file's notes must say, by the beginning of its name.</summary>
    internal static readonly Dictionary<string, string> Said = new()
    {
        ["logits"] = "softmax was added",
        ["augmentation"] = "(RandomFlip) does nothing in inference",
        ["rescaling_255"] = "divides pixels by 255",
        ["rescaling_127"] = "folded into the first convolution",
        ["frozen"] = "trainable=False",
        ["regularizer"] = "kernel_regularizer",
        ["no_dropout"] = "no dropout after any block",
        ["noise"] = "(SpatialDropout2D) does nothing in inference",
        ["mixed_float16"] = "dtype policy is mixed_float16",
        ["bfloat16"] = "bfloat16 were converted to float32",
        ["big_endian"] = "big-endian float32 were converted",
    };

    private string folder = "";
    private Dictionary<string, double[]> expected = [];
    private byte[] pixels = [];

    [OneTimeSetUp]
    public void WriteFiles()
    {
        TestFiles.Peers();
        folder = TestFiles.NewFolder();
        pixels = EngineTestData.RandomImages(4, 5);
        File.WriteAllBytes(Path.Combine(folder, "pixels.bin"), pixels);
        string printed = PythonPeer.Run(Script, folder);
        TestContext.Out.WriteLine(string.Join('\n', printed.Split('\n').Where(line => line.StartsWith("not saved", StringComparison.Ordinal))));
        expected = JsonSerializer.Deserialize<Dictionary<string, double[]>>(printed.Split('\n').Single(line => line.StartsWith("RESULT ", StringComparison.Ordinal))[7..])!;
    }

    [Test]
    public void Load_EverySpelling_PredictsAsKerasOrSaysWhyNot()
    {
        var problems = new List<string>();
        double worst = 0;
        int read = 0, refused = 0;
        foreach (var (file, keras) in expected.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            string variant = file.Split('.')[0];
            try
            {
                bool tellsNoEpsilon = variant == "norm_settings" && (file.Contains("weights", StringComparison.Ordinal) || file.Contains("legacy", StringComparison.Ordinal));
                var found = KerasFile.Load(Path.Combine(folder, file), ["a", "b", "c"], tellsNoEpsilon ? new KerasLoadOptions { BatchNormalizationEpsilon = [1e-5, 1e-5, 1e-5] } : null);
                double[] ours = new ReferenceNetwork(found.Model).Predict(pixels);
                double difference = EngineComparison.Farthest(ours, keras), ceiling = variant == "mixed_float16" ? 2e-2 : 2e-5;
                read++;
                worst = variant == "mixed_float16" ? worst : Math.Max(worst, difference);
                if (Refused.ContainsKey(variant))
                    problems.Add($"{file}: was read; expected a refusal");
                else if (difference > ceiling)
                    problems.Add($"{file}: probabilities differ by {difference:e1}; notes: {string.Join(" | ", found.Notes)}");
                else if (Said.TryGetValue(variant, out string? note) && !found.Notes.Any(n => n.Contains(note, StringComparison.Ordinal)))
                    problems.Add($"{file}: no note says '{note}': {string.Join(" | ", found.Notes)}");
                if (variant == "frozen" && !found.FrozenLayers.SequenceEqual(["conv2d", "batch_normalization", "conv2d_1"]))
                    problems.Add($"{file}: frozen are {string.Join(", ", found.FrozenLayers)}");
                if (variant == "norm_settings" && found.Model.Architecture.BatchNormalizationEpsilon[1] != 1e-5)
                    problems.Add($"{file}: epsilon is {found.Model.Architecture.BatchNormalizationEpsilon[1]}");
            }
            catch (Cifar3ModelException e)
            {
                refused++;
                if (!Refused.TryGetValue(variant, out string? why) || !e.Message.Contains(why, StringComparison.Ordinal) || e.Message.Contains("damaged (", StringComparison.Ordinal))
                    problems.Add($"{file}: {e.Message}");
            }
        }

        TestContext.Out.WriteLine($"{read} files read, {refused} refused; probabilities differ from Keras' by up to {worst:e1}");
        Assert.That(problems, Is.Empty, string.Join('\n', problems));
        Assert.That(read, Is.GreaterThan(100));
    }

    /// <summary>
    /// Damaged copies of the files whose parts no other file has: names in a fractal heap, chunks behind filters, other number types, the groups of TensorFlow 2.13,
    /// nested and Functional models. Of archives the architecture and the weights are damaged behind a checksum that is right.
    /// </summary>
    [TestCase(15, 5)]
    [TestCase(5_000, 1_000, Category = TestCategories.Slow)]
    public void Load_DamagedSpelling_IsAModelOrAClearError(int flips, int truncations)
    {
        string[] files =
        [
            "accents.3.h5", "japanese.3.h5", "japanese.3.keras", "long_names.2.h5", "gzip.3.h5", "chunks.2.h5", "big_endian.3.h5", "float64.2.h5", "new_format.3.h5", "new_chunks.3.h5", "bfloat16.h5", "bfloat16.keras",
            "tf213.3.keras", "tf213.2.weights.h5", "functional.2.h5", "functional.3.keras", "sequential_in_functional.3.keras", "nested_sequential.2.keras", "nested_sequential.3.weights.h5", "normalization_adapted.3.h5", "plain.2-legacy.h5",
        ];
        Assert.That(files, Is.SubsetOf(expected.Keys));
        foreach (string file in files)
        {
            byte[] whole = File.ReadAllBytes(Path.Combine(folder, file));
            if (!file.EndsWith(".keras", StringComparison.Ordinal))
            {
                KerasMutationTests.Run(file, whole, damaged => damaged, flips, truncations);
                continue;
            }

            byte[] config = Entry(whole, "config.json"), weights = Entry(whole, "model.weights.h5");
            KerasMutationTests.Run(file, config, damaged => KerasTestFile.Zip(damaged, weights), flips, truncations);
            KerasMutationTests.Run(file, weights, damaged => KerasTestFile.Zip(config, damaged), flips, truncations);
        }

        static byte[] Entry(byte[] archive, string name)
        {
            using var zip = new ZipArchive(new MemoryStream(archive));
            using var stream = zip.GetEntry(name)!.Open();
            using var content = new MemoryStream();
            stream.CopyTo(content);
            return content.ToArray();
        }
    }
}
