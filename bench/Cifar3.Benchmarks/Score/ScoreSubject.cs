using System.CommandLine;

namespace Cifar3.Benchmarks;

/// <summary><c>score</c>: an exported model through the classifier, beside ONNX Runtime alone and ML.NET's own chain.</summary>
internal static class ScoreSubject
{
    private const int Threads = 2;

    private static readonly Option<bool> Memory = new("--memory") { Description = "Also score a million images from 8 threads and see whether memory grows: takes minutes." };

    private static readonly Option<bool> Int8 = new("--int8") { Description = "Also compare the ways to quantize." };

    public static Command Create() => SubjectOptions.Command(
        "score",
        "An exported model through Cifar3Classifier, beside ONNX Runtime alone and ML.NET's own chain.",
        (options, arguments) => Run(options.Rounds, arguments.GetValue(Memory), arguments.GetValue(Int8)),
        Memory,
        Int8);

    private static IReadOnlyList<Target> Run(int rounds, bool memory, bool int8)
    {
        var data = BenchmarkImages.Load();
        using var models = ScoreModels.Create(data, Threads);
        using var files = new JpegFiles(data.Test);
        using var stock = new StockMLNet(models.KerasPath, files.Paths);
        var latency = new Latency(data.Test);
        ScoreAgreement.Print(models, data.Test, [("fp32", models.Keras), ("fp32, optimized", models.Optimized), ("int8", models.Int8), ("managed", models.Managed)]);
        if (int8)
        {
            Int8Choices.Print(models, data);
        }

        var raw = models.Raw;
        var contenders = new List<Contender>
        {
            new(ScoreFigures.RawFp32, () => raw.Fp32.Rate(data.Test)),
            new(ScoreFigures.RawInt8, () => raw.Int8.Rate(data.Test)),
            new(ScoreFigures.Fp32, () => models.Rate(models.Keras, data.Test)),
            new(ScoreFigures.Optimized, () => models.Rate(models.Optimized, data.Test)),
            new(ScoreFigures.Int8, () => models.Rate(models.Int8, data.Test)),
            new(ScoreFigures.Managed, () => models.Rate(models.Managed, data.Test)),
            new(ScoreFigures.Stock, stock.Rate),
            new(ScoreFigures.Files, () => files.Rate(models.Int8)),
            new(ScoreFigures.FilesDefault, () => files.Rate(models.Default)),
            new(ScoreFigures.P50, () => latency.Measure(models.Int8).P50),
            new(ScoreFigures.P99, () => latency.Last.P99),
            new(ScoreFigures.Fp32P50, () => latency.Measure(models.Keras).P50),
            new(ScoreFigures.Fp32P99, () => latency.Last.P99),
            new(ScoreFigures.ManagedP50, () => latency.Measure(models.Managed).P50),
            new(ScoreFigures.ManagedP99, () => latency.Last.P99),
            new(ScoreFigures.Callers, () => Callers.Rate(models.Int8, data.Test)),
        };
        contenders.ForEach(contender => contender.Measure()); // warms up
        var measured = AlternatingRounds.Run(rounds, contenders);
        double allocated = latency.AllocatedBytes(models.Int8);
        double? growth = memory ? MemoryGrowth.Measure(models.Int8, data.Test) : null;

        var figures = new ScoreFigures(measured, allocated, growth);
        figures.Print();
        return figures.Targets;
    }
}
