using System.Globalization;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary>What <c>score</c> measured.</summary>
/// <param name="Measured">Images a second, or milliseconds, by name.</param>
/// <param name="AllocatedBytes">Managed bytes an image, warm, from pixels.</param>
/// <param name="GrownBytes">Memory grown over 800,000 predictions; null where it was not measured.</param>
internal sealed record ScoreFigures(IReadOnlyDictionary<string, Measurement> Measured, double AllocatedBytes, double? GrownBytes)
{
    public const string RawFp32 = "ONNX Runtime fp32, batch 100", RawInt8 = "ONNX Runtime int8, batch 100",
        Fp32 = "Cifar3Classifier fp32", Optimized = "Cifar3Classifier fp32, optimized flavour", Int8 = "Cifar3Classifier int8", Managed = "Cifar3Classifier managed, fp32",
        Stock = "files: ML.NET chain, fp32", Files = "files: PredictMany, int8", FilesDefault = "files: PredictMany, default",
        P50 = "one image, int8, p50, ms", P99 = "one image, int8, p99, ms", Fp32P50 = "one image, fp32, p50, ms", Fp32P99 = "one image, fp32, p99, ms",
        ManagedP50 = "one image, managed, p50, ms", ManagedP99 = "one image, managed, p99, ms",
        Callers = "8 callers of one image, int8";

    /// <summary>What the targets depend on.</summary>
    public ProcessorKind Machine { get; init; } = ProcessorKind.Current;

    /// <summary>The figures that scoring is to reach; those that depend on the processor say for which they are.</summary>
    public IReadOnlyList<Target> Targets =>
    [
        Target.AtLeast(0.97, "fp32 batch through Cifar3Classifier ÷ ONNX Runtime alone, same graph", Ratio(Fp32, RawFp32)),
        .. Machine.HasVnni
            ? [
                Target.AtLeast(2.7, "int8 batch ÷ ONNX Runtime fp32 (processor with 8-bit products)", Ratio(Int8, RawFp32)),
                Target.AtMost(0.25, "one warm image from pixels, int8, p50, ms (processor with 8-bit products)", Measured[P50].Median),
                Target.AtLeast(3, "JPEG files to labels, int8 ÷ ML.NET's own chain (processor with 8-bit products)", Ratio(Files, Stock)),
            ]
            : Array.Empty<Target>(),
        Target.AtLeast(Machine.Vectors == ProcessorKind.Avx512 ? 2.3 : 2.8, $"managed scorer fp32 ÷ ONNX Runtime fp32, {Machine.Vectors}", Ratio(Managed, RawFp32)),
        Target.AtMost(0.6, "one warm image from pixels, p50, managed ÷ ONNX Runtime fp32", Ratio(ManagedP50, Fp32P50)),
        Target.AtMost(1, "one warm image from pixels, int8, p99, ms", Measured[P99].Median),
        Target.AtLeast(3, "JPEG files to labels, default ÷ ML.NET's own chain", Ratio(FilesDefault, Stock)),
        Target.AtMost(0, "managed bytes allocated an image, warm, from pixels", AllocatedBytes),
        Target.AtMost(8, "memory grown from the 200,000th to the 1,000,000th prediction from 8 threads, MB", GrownBytes / 1e6),
    ];

    public void Print()
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("measured, 2 threads", "median", "least", "most", "÷ ONNX Runtime fp32");
        foreach (var (name, measurement) in Measured)
        {
            bool rate = !name.EndsWith("ms", StringComparison.Ordinal);
            table.AddRow(name, Number(measurement.Median), Number(measurement.Min), Number(measurement.Max), rate ? Ratio(name, RawFp32).ToString("0.00", CultureInfo.InvariantCulture) : "");
        }

        Tables.Write(table);
    }

    private static string Number(double value) => value.ToString(value < 10 ? "0.000" : "N0", CultureInfo.InvariantCulture);

    private double Ratio(string name, string peer) => Measured[name].Median / Measured[peer].Median;
}
