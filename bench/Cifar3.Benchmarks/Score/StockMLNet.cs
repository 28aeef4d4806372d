using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;
using Microsoft.ML.Transforms.Onnx;

namespace Cifar3.Benchmarks;

/// <summary>What a user of ML.NET writes without this library: load, resize, extract, apply the ONNX model, look up the largest score.</summary>
internal sealed class StockMLNet : IDisposable
{
    private readonly MLContext context = new();
    private readonly IDataView files;
    private readonly TransformerChain<OnnxTransformer> chain;

    public StockMLNet(string modelPath, IReadOnlyList<string> paths)
    {
        files = context.Data.LoadFromEnumerable(paths.Select(path => new FileRow { Path = path }));
        chain = context.Transforms.LoadImages("image", imageFolder: null, nameof(FileRow.Path))
            .Append(context.Transforms.ResizeImages("image", CnnArchitecture.InputSize, CnnArchitecture.InputSize, resizing: ImageResizingEstimator.ResizingKind.Fill))
            .Append(context.Transforms.ExtractPixels("input", "image", interleavePixelColors: true, scaleImage: 1 / 255f))
            .Append(context.Transforms.ApplyOnnxModel("probabilities", "input", modelPath))
            .Fit(files);
    }

    /// <summary>Files a second, from paths to labels.</summary>
    public double Rate()
    {
        long start = Stopwatch.GetTimestamp();
        int count = chain.Transform(files).GetColumn<float[]>("probabilities").Count(scores => scores.IndexOf(scores.Max()) >= 0);
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose() => chain.Dispose();

    private sealed class FileRow
    {
        public string Path { get; set; } = "";
    }
}
