using System.Globalization;
using System.Text.Json;

namespace Cifar3.Benchmarks;

/// <summary>The notebook's whole recipe, 10 epochs with validation and the images in memory: of this engine in a process of its own, and of PyTorch.</summary>
/// <param name="Seconds">Of this engine, its first compilation included.</param>
/// <param name="PeakMemory">The most memory that its process held, in bytes.</param>
/// <param name="PeerSeconds">Of PyTorch, channels last; null where it is missing or left out.</param>
/// <param name="Lines">What was reached, a line each.</param>
internal sealed record StepRecipe(double Seconds, double PeakMemory, double? PeerSeconds, IReadOnlyList<string> Lines)
{
    private const int WholeEpochs = 10;

    public static StepRecipe Run(PeerGroup group, StepField field, int threads, bool oneEpoch)
    {
        int epochs = oneEpoch ? 1 : WholeEpochs;
        var worker = group.Worker(WorkerCommand.Managed, threads)!;
        var ours = worker.Ask($"recipe {epochs}");
        var theirs = oneEpoch ? null : field.ChannelsLast?.Ask($"recipe {epochs}");
        var lines = new List<string> { Line(worker, ours, epochs) };
        if (theirs is { } answer)
        {
            lines.Add(Line(field.ChannelsLast!, answer, epochs));
        }

        return new StepRecipe(SecondsOf(ours), worker.Ask("memory", "bytes"), theirs is { } other ? SecondsOf(other) : null, lines);
    }

    public void Print()
    {
        Console.WriteLine();
        foreach (string line in Lines)
        {
            Console.WriteLine(line);
        }
    }

    private static double SecondsOf(JsonElement answer) => answer.GetProperty("seconds").GetDouble();

    private static string Line(PeerProcess peer, JsonElement answer, int epochs) => string.Create(
        CultureInfo.InvariantCulture,
        $"The notebook's recipe, {epochs} epochs with validation: {SecondsOf(answer):0.0} s, training accuracy {answer.GetProperty("accuracy").GetDouble():0.000}, validation {answer.GetProperty("val_accuracy").GetDouble():0.000}: {peer.Name}");
}
