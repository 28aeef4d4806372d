using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// The discrete decisions of a training step: whether a ReLU is open, and which pixel of a pooling window is the largest. Rounding alone
/// makes two engines decide differently where a value is zero, or two are equal, up to its last bits. Then a whole gradient takes
/// another way: both are right, and they differ by far more than rounding.
/// </summary>
internal static class Decisions
{
    private const int LayersABlock = 5; // convolution, normalization, convolution, pooling, dropout
    private const byte NoGradient = 4;  // of a route: dropped, or the ReLU is closed; 0..3 is the window's pixel

    /// <summary>The images in which any decision differs between the managed engine's last step and TensorFlow's forward pass of that step.</summary>
    /// <param name="model">The network.</param>
    /// <param name="managed">The engine after its step.</param>
    /// <param name="tensorFlow">Each layer's training output, [images, height, width, channels].</param>
    /// <param name="images">Images of the batch.</param>
    public static int[] DifferingImages(CnnModel model, ManagedEngine managed, IReadOnlyDictionary<string, float[]> tensorFlow, int images)
    {
        var (activations, routes) = (managed.Activations(images), managed.Routes(images));
        var differing = new SortedSet<int>();
        for (int block = 0; block < routes.Count; block++)
        {
            CnnLayer[] layers = [.. model.Layers.Skip(block * LayersABlock).Take(LayersABlock)];
            var (same, valid, dropout) = (layers[0], layers[2], layers[4]);
            AddDiffering(differing, activations[same.Name].Select(Opens), tensorFlow[same.Name].Select(Opens), same.OutputShape);
            AddDiffering(differing, routes[block], Routes(tensorFlow[valid.Name], valid.OutputShape, tensorFlow[dropout.Name], dropout.OutputShape), dropout.OutputShape);
        }

        return [.. differing];
    }

    private static byte Opens(float y) => (byte)(y > 0 ? 1 : 0);

    private static void AddDiffering(SortedSet<int> images, IEnumerable<byte> some, IEnumerable<byte> others, IReadOnlyList<int> shape)
    {
        byte[] a = [.. some], b = [.. others];
        Assert.That(a, Has.Length.EqualTo(b.Length), "decisions of a layer");
        int image = shape[0] * shape[1] * shape[2];
        images.UnionWith(Enumerable.Range(0, a.Length / image).Where(i => !a.AsSpan(i * image, image).SequenceEqual(b.AsSpan(i * image, image))));
    }

    /// <summary>The way that each pooled pixel's gradient takes: to the window's first largest; nowhere where the dropout's output is zero.</summary>
    /// <param name="y">ReLU's output, [images, height, width, channels].</param>
    /// <param name="shape">Its shape without images.</param>
    /// <param name="dropped">The dropout's output, [images, ⌊height/2⌋, ⌊width/2⌋, channels].</param>
    /// <param name="pooledShape">Its shape without images.</param>
    private static byte[] Routes(float[] y, IReadOnlyList<int> shape, float[] dropped, IReadOnlyList<int> pooledShape)
    {
        int channels = shape[2], line = shape[1] * channels, pooledRows = pooledShape[0], pooledColumns = pooledShape[1];
        var routes = new byte[dropped.Length];
        for (int n = 0; n < routes.Length; n++)
        {
            var (pixel, channel) = Math.DivRem(n, channels);
            var (row, column) = Math.DivRem(pixel, pooledColumns);
            (int image, row) = Math.DivRem(row, pooledRows);
            int window = (image * shape[0] + 2 * row) * line + 2 * column * channels + channel;
            ReadOnlySpan<float> values = [y[window], y[window + channels], y[window + line], y[window + line + channels]];
            int largest = 0;
            for (int i = 1; i < values.Length; i++)
            {
                largest = values[i] > values[largest] ? i : largest;
            }

            routes[n] = dropped[n] > 0 ? (byte)largest : NoGradient;
        }

        return routes;
    }
}
