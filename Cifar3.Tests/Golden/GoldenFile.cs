using Cifar3.Training;
using PureHDF;
using PureHDF.VOL.Native;

namespace Cifar3.Tests;

/// <summary>
/// What real Keras computed with this network (numbers.h5 in the folder named by CIFAR3_GOLDEN). Variables are named
/// <c>layer.variable</c> there, Keras layout; here they come out as <c>layer/variable</c>.
/// </summary>
internal sealed class GoldenFile : IDisposable
{
    public const int Batch = 128, Batches = 20;
    private static byte[]? trainImages;
    private readonly NativeFile file;

    private GoldenFile(string path) => file = H5File.OpenRead(path);

    /// <summary>Opens the file; skips the test, with the reason, where it is absent.</summary>
    public static GoldenFile Open() => new(TestFiles.Golden("numbers.h5"));

    /// <summary>The network of the golden files; dropout is off in its training steps.</summary>
    public static CnnModel Model(double dropout = 0) => CnnModel.Create(["airplane", "automobile", "bird"], dropoutRates: [dropout, dropout, dropout]);

    public float[] Floats(string path) => file.Dataset(path).Read<float[]>();

    public double[] Doubles(string path) => file.Dataset(path).Read<double[]>();

    public double Attribute(string group, string name) => file.Group(group).Attribute(name).Read<double>();

    public int Count(string group, string name) => (int)file.Group(group).Attribute(name).Read<long>();

    /// <summary>The weights of a group in Keras' order.</summary>
    public IReadOnlyList<WeightTensor> Weights(string group) => Tensors(Model().Weights, group, "");

    /// <summary>All weights of a group as a model.</summary>
    public CnnModel ModelOf(string group, double dropout = 0) => Model(dropout).With(Weights(group));

    /// <summary>The state before a step: weights and Adam's moments.</summary>
    public EngineState StateBefore(int step)
    {
        var like = EngineState.Initial(Model());
        return new EngineState(
            Weights($"step_{step}/before/weights"),
            Tensors(like.AdamM, $"step_{step}/before/adam", "m."),
            Tensors(like.AdamV, $"step_{step}/before/adam", "v."),
            step - 1);
    }

    /// <summary>The exact gradients of a step by full name.</summary>
    public Dictionary<string, double[]> Gradients(int step) =>
        Tensors(EngineState.Initial(Model()).AdamM, $"step_{step}/float64/gradients", "").ToDictionary(t => t.Name, t => t.Doubles());

    /// <summary>Batch number (step − 1) mod 20 of the training images.</summary>
    public (byte[] Images, int[] Labels) BatchOf(int step)
    {
        int first = (step - 1) % Batches * Batch;
        byte[] images = trainImages ??= TrainImages();
        int[] labels = file.Dataset("images/train_labels").Read<int[]>();
        return (images.AsSpan(first * CnnArchitecture.ImageBytes, Batch * CnnArchitecture.ImageBytes).ToArray(), labels.AsSpan(first, Batch).ToArray());
    }

    public (byte[] Images, int[] Labels) TestImages() =>
        (file.Dataset("images/test").Read<byte[]>(), file.Dataset("images/test_labels").Read<int[]>());

    public void Dispose() => file.Dispose();

    /// <summary>An image lies in 48 chunks, of 640 images each: unless all fit into the cache, each is unpacked again for every image.</summary>
    private byte[] TrainImages()
    {
        var access = new H5DatasetAccess { ChunkCache = new SimpleReadingChunkCache(chunkSlotCount: 1000, byteCount: 64 << 20) };
        return ((NativeDataset)file.Dataset("images/train")).Read<byte[]>(access);
    }

    private List<WeightTensor> Tensors(IEnumerable<WeightTensor> like, string group, string prefix) =>
        [.. like.Select(t => new WeightTensor(t.Name, t.Shape, Floats($"{group}/{prefix}{t.Name.Replace('/', '.')}")))];
}
