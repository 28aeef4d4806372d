using System.Diagnostics;

namespace Cifar3.Benchmarks;

/// <summary>ONNX Runtime as a contender in evaluation: the exported model on images that are float already, in batches of the size that suits it best.</summary>
internal sealed class OnnxRuntimeWorker : IWorker
{
    private static readonly int[] BatchSizes = [16, 32, 64, 128, 500];

    private readonly OnnxRuntimeModel model;
    private readonly ImageSet test;
    private readonly float[] pixels, probabilities;
    private int batch;

    public OnnxRuntimeWorker(WorkFolder folder, int threads)
    {
        model = new OnnxRuntimeModel(folder.Model, threads);
        test = folder.ReadTest();
        pixels = [.. test.Pixels.ToArray().Select(value => value / 255f)];
        probabilities = new float[test.Count * model.Classes];
        Name = $"{OnnxRuntimeModel.Name}, fp32 (CPU, {threads} {(threads == 1 ? "thread" : "threads")})";
    }

    public string Name { get; }

    public object Answer(string request, int count)
    {
        if (request != "evaluate")
        {
            throw new ArgumentException($"ONNX Runtime does not {request}.", nameof(request));
        }

        if (batch == 0)
        {
            batch = BatchSizes.MinBy(size => Enumerable.Range(0, 3).Min(_ => Seconds(size)));
        }

        double seconds = Seconds(batch);
        return new { images = test.Count, seconds, correct = Enumerable.Range(0, test.Count).Count(IsCorrect) };
    }

    public void Dispose() => model.Dispose();

    private double Seconds(int size)
    {
        var clock = Stopwatch.StartNew();
        for (int first = 0; first < test.Count; first += size)
        {
            int count = Math.Min(size, test.Count - first);
            model.Run(
                pixels.AsMemory(first * CnnArchitecture.ImageBytes, count * CnnArchitecture.ImageBytes),
                count,
                probabilities.AsMemory(first * model.Classes, count * model.Classes));
        }

        return clock.Elapsed.TotalSeconds;
    }

    private bool IsCorrect(int image)
    {
        float[] row = probabilities[(image * model.Classes)..((image + 1) * model.Classes)];
        return Array.IndexOf(row, row.Max()) == test.Labels[image];
    }
}
