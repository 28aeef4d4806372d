using System.Diagnostics;

namespace Cifar3.Benchmarks;

/// <summary>The shipped model in every flavour, through the classifier and through ONNX Runtime alone.</summary>
internal sealed class ScoreModels : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("cifar3-score-").FullName;
    private readonly ClassifierOptions options;
    private readonly float[] probabilities;

    private ScoreModels(ImageData data, int threads)
    {
        options = new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime, Threads = threads };
        Model = CnnModel.LoadOnnx(Path.Combine(AppContext.BaseDirectory, "cifar3.onnx"));
        Model.SaveOnnx(KerasPath);
        Model.SaveOnnx(Int8Path, new OnnxExportOptions { Flavor = OnnxFlavor.Int8, CalibrationImages = data.Train });
        Keras = Cifar3Classifier.Load(KerasPath, options);
        Optimized = Load(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized });
        Int8 = Cifar3Classifier.Load(Int8Path, options);
        Managed = Cifar3Classifier.FromModel(Model, options with { Backend = ScoringBackend.Managed });
        Default = Cifar3Classifier.FromModel(Model, new ClassifierOptions { Threads = threads });
        Raw = (new RawScorer(KerasPath, threads), new RawScorer(Int8Path, threads));
        probabilities = new float[data.Test.Count * Model.Architecture.Classes];
    }

    public CnnModel Model { get; }

    public string KerasPath => Path.Combine(folder, "keras.onnx");

    public Cifar3Classifier Keras { get; }

    public Cifar3Classifier Optimized { get; }

    public Cifar3Classifier Int8 { get; }

    public Cifar3Classifier Managed { get; }

    /// <summary>With no option but the number of threads.</summary>
    public Cifar3Classifier Default { get; }

    public (RawScorer Fp32, RawScorer Int8) Raw { get; }

    private string Int8Path => Path.Combine(folder, "int8.onnx");

    public static ScoreModels Create(ImageData data, int threads) => new(data, threads);

    /// <summary>The model in another flavour, the caller's to dispose.</summary>
    public Cifar3Classifier Load(OnnxExportOptions flavor) => Cifar3Classifier.Load(Model.ToOnnxBytes(flavor), options);

    /// <summary>Images a second of one call with all images.</summary>
    public double Rate(Cifar3Classifier classifier, ImageSet images)
    {
        long start = Stopwatch.GetTimestamp();
        classifier.Score(images.Pixels, probabilities);
        return images.Count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose()
    {
        foreach (var disposable in new IDisposable[] { Keras, Optimized, Int8, Managed, Default, Raw.Fp32, Raw.Int8 })
        {
            disposable.Dispose();
        }

        Directory.Delete(folder, recursive: true);
    }
}
