using System.CommandLine;

namespace Cifar3.Benchmarks;

/// <summary><c>step</c>: the training step, evaluation and the whole recipe beside PyTorch, Keras and ONNX Runtime.</summary>
internal static class StepSubject
{
    private const int Threads = 2;

    /// <summary>Steps of one round: enough that the slower first ones after a contender's pause do not count for much.</summary>
    private const int Steps = 40;

    private const string OnePeak = "FMA peak, 1 thread", BothPeak = "FMA peak, 2 threads", Training = "training: ", Evaluation = "evaluation: ";

    private static readonly Option<bool> NoRecipe = new("--no-recipe") { Description = "Train one epoch in place of the whole recipe, and without PyTorch's: saves minutes." };

    public static Command Create() => SubjectOptions.Command(
        "step",
        "The training step, evaluation and the whole recipe beside PyTorch, Keras and ONNX Runtime.",
        (options, arguments) => Run(options.Rounds, arguments.GetValue(NoRecipe)),
        NoRecipe);

    private static IReadOnlyList<Target> Run(int rounds, bool noRecipe)
    {
        var folder = WorkFolder.Create(BenchmarkImages.Load());
        try
        {
            using var group = new PeerGroup(folder);
            var field = StepField.Start(group, Threads);
            group.PrintMissing();
            field.WarmUp();
            var measured = AlternatingRounds.Run(rounds, [
                new Contender(OnePeak, () => FmaPeak.Measure(1)),
                new Contender(BothPeak, () => FmaPeak.Measure(Threads)),
                .. field.Training.Select(peer => new Contender(Training + peer.Name, () => peer.AskRate($"train {Steps}"))),
                .. field.Evaluating.Select(peer => new Contender(Evaluation + peer.Name, () => peer.AskRate("evaluate"))),
            ]);
            var recipe = StepRecipe.Run(group, field, Threads, noRecipe);
            var results = new StepResults
            {
                PeakFlops = measured[BothPeak].Median,
                Training = TrainingOf(field.Managed),
                OneThread = TrainingOf(field.OneThread),
                Avx2 = TrainingOf(field.Avx2),
                ChannelsLast = field.ChannelsLast is { } peer ? TrainingOf(peer) : null,
                BestFp32 = field.Fp32.Max(peer => (double?)TrainingOf(peer)),
                BestBf16 = field.Bf16.Max(peer => (double?)TrainingOf(peer)),
                Evaluation = EvaluationOf(field.Managed),
                OnnxRuntime = field.OnnxRuntime is { } runtime ? EvaluationOf(runtime) : null,
                Recipe = noRecipe ? null : recipe.Seconds,
                RecipeChannelsLast = recipe.PeerSeconds,
                PeakMemory = recipe.PeakMemory,
                AllocatedBytes = field.Managed.Ask("allocated 50", "bytes_a_step"),
            };

            StepTables.Roofline(measured[OnePeak], measured[BothPeak], results);
            StepTables.Training([.. field.Training.Select(peer => (measured[Training + peer.Name] with { Name = peer.Name }, peer.Ask("memory", "bytes")))], results);
            StepTables.Evaluation([.. field.Evaluating.Select(peer => measured[Evaluation + peer.Name] with { Name = peer.Name })], results);
            recipe.Print();
            return results.Targets;

            double TrainingOf(PeerProcess peer) => measured[Training + peer.Name].Median;
            double EvaluationOf(PeerProcess peer) => measured[Evaluation + peer.Name].Median;
        }
        finally
        {
            folder.Delete();
        }
    }
}
