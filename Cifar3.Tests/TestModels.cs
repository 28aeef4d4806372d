namespace Cifar3.Tests;

/// <summary>Models with random numbers, the same in every run.</summary>
internal static class TestModels
{
    /// <summary>An untrained network whose biases and batch statistics are not the trivial ones, with metadata as after training.</summary>
    public static CnnModel Random(int classes = 3, int[]? filters = null, int seed = 1)
    {
        string[] names = classes == 3 ? ["aeroplane", "car", "bird"] : [.. Enumerable.Range(0, classes).Select(i => $"class \"{i}\" é")];
        var model = CnnModel.Create(names, seed, filters, [0.5, 0.25, 1.0 / 3]);
        var random = new Random(seed);
        return model.With(
            model.Weights.Select(weight => weight.Name.EndsWith("kernel", StringComparison.Ordinal) ? weight : new WeightTensor(weight.Name, weight.Shape, Values(weight))),
            model.Metadata with
            {
                Recipe = "seed: Adam 0.001, batch 128, 10 epochs",
                TrainedOn = "random numbers",
                ValAccuracy = 0.1 + 0.2,
                Epoch = 2,
                History = [new EpochLog(1, 0.9, 0.6, null, null, 1e-3, 1.5), new EpochLog(2, double.NaN, 0.7, 1.0 / 3, 0.3, 1e-4, 2.5)],
            });

        float[] Values(WeightTensor weight)
        {
            float scale = weight.Name.EndsWith("moving_variance", StringComparison.Ordinal) ? 0 : -0.25f;
            float offset = weight.Name[(weight.Name.IndexOf('/', StringComparison.Ordinal) + 1)..] switch { "gamma" => 1, "moving_variance" => 0.01f, _ => 0 };
            return [.. Enumerable.Range(0, weight.Count).Select(_ => offset + scale + 0.5f * random.NextSingle())];
        }
    }

    /// <summary>A network that computes NaN for red pictures and finite numbers for grey ones, which are what loading tries.</summary>
    public static CnnModel WithoutNumbersForRed()
    {
        var model = CnnModel.Create(["a", "b", "c"], seed: 1, filters: [4, 4, 4]);
        return model.With(model.Weights.Select(weight => weight.Name switch
        {
            "conv2d/kernel" => With(weight, i => (i / 4 % 3) switch { 0 => 3e37f, 2 => -3e37f, _ => 0 }), // [3, 3, colour, filter]
            "conv2d_1/kernel" => With(weight, i => i % 2 == 0 ? 1000 : -1000),
            _ => weight,
        }));

        static WeightTensor With(WeightTensor weight, Func<int, float> value) => new(weight.Name, weight.Shape, [.. Enumerable.Range(0, weight.Count).Select(value)]);
    }

    /// <summary>A picture of one colour, as PNG.</summary>
    public static byte[] Picture(byte red, byte green, byte blue)
    {
        using var bitmap = new SkiaSharp.SKBitmap(CnnArchitecture.InputSize, CnnArchitecture.InputSize);
        bitmap.Erase(new SkiaSharp.SKColor(red, green, blue));
        using var png = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }
}
