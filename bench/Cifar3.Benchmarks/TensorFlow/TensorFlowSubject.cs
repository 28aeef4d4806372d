using System.CommandLine;
using System.Globalization;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary><c>tensorflow</c>: the TensorFlow engine beside Keras on the same TensorFlow with the same threads, and beside the managed engine.</summary>
internal static class TensorFlowSubject
{
    private const int Threads = 2;

    /// <summary>Steps of one round: 5,120 images, so that what a call of fit costs by itself does not count for much.</summary>
    private const int Steps = 40;

    private const string Training = "training: ", Evaluation = "evaluation: ";

    public static Command Create() => SubjectOptions.Command(
        "tensorflow",
        "The TensorFlow engine beside Keras' fit and predict on the same TensorFlow, and beside the managed engine.",
        (options, _) => Run(options.Rounds));

    private static IReadOnlyList<Target> Run(int rounds)
    {
        var folder = WorkFolder.Create(BenchmarkImages.Load());
        try
        {
            using var group = new PeerGroup(folder);
            var engine = group.Worker(WorkerCommand.TensorFlow, Threads);
            var keras = group.Keras("float32", Threads);
            var managed = group.Worker(WorkerCommand.Managed, Threads);
            group.PrintMissing();
            PeerProcess[] present = [.. new[] { engine, keras, managed }.OfType<PeerProcess>()];
            foreach (var peer in present)
            {
                peer.Ask("evaluate");
                peer.Ask($"train {Steps}");
            }

            var measured = AlternatingRounds.Run(rounds, [
                .. present.Select(peer => new Contender(Training + peer.Name, () => peer.AskRate($"train {Steps}"))),
                .. present.Select(peer => new Contender(Evaluation + peer.Name, () => peer.AskRate("evaluate"))),
            ]);
            Print(measured, present, engine);
            return
            [
                Target.AtLeast(1.25, "training of the TensorFlow engine ÷ Keras' fit", Ratio(Training)),
                Target.AtLeast(1.15, "evaluation of the TensorFlow engine ÷ Keras' predict", Ratio(Evaluation)),
            ];

            double? Ratio(string what) => engine is null || keras is null ? null : measured[what + engine.Name].Median / measured[what + keras.Name].Median;
        }
        finally
        {
            folder.Delete();
        }
    }

    private static void Print(IReadOnlyDictionary<string, Measurement> measured, IReadOnlyList<PeerProcess> present, PeerProcess? engine)
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("", "training, img/s", "lowest to highest", "TensorFlow engine ÷ it", "evaluation, img/s", "lowest to highest", "TensorFlow engine ÷ it", "peak memory, MB");
        foreach (var peer in present)
        {
            table.AddRow([Markup.Escape(peer.Name), .. Cells(Training), .. Cells(Evaluation), Number(peer.Ask("memory", "bytes") / 1e6)]);

            IEnumerable<string> Cells(string what)
            {
                var rate = measured[what + peer.Name];
                yield return Number(rate.Median);
                yield return $"{Number(rate.Min)} to {Number(rate.Max)}";
                yield return engine is null ? "" : (measured[what + engine.Name].Median / rate.Median).ToString("0.00", CultureInfo.InvariantCulture);
            }
        }

        Tables.Write(table);
    }

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
