using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Cifar3.Benchmarks;

/// <summary>
/// <c>worker</c>: what this program is when it starts itself as one of the contenders, so that each has a process, a peak of memory and
/// environment variables of its own. It keeps the protocol of <see cref="PeerProcess"/>, as the scripts in <c>bench/peers</c> do.
/// </summary>
internal static class WorkerCommand
{
    public const string Name = "worker", Managed = "managed", TensorFlow = "tensorflow", OnnxRuntime = "onnxruntime";

    public static Command Create()
    {
        var kind = new Argument<string>("kind");
        var folder = new Argument<string>("folder");
        var threads = new Argument<int>("threads");
        var command = new Command(Name, "A contender; started by the subjects.") { kind, folder, threads };
        command.Hidden = true;
        command.SetAction(arguments => Run(arguments.GetValue(kind)!, new WorkFolder(arguments.GetValue(folder)!), arguments.GetValue(threads)));
        return command;
    }

    private static int Run(string kind, WorkFolder folder, int threads)
    {
        try
        {
            using IWorker worker = kind == OnnxRuntime ? new OnnxRuntimeWorker(folder, threads) : new EngineWorker(kind, folder, threads);
            Say(new { name = worker.Name });
            while (Console.ReadLine()?.Split(' ') is { } request)
            {
                Say(request[0] == "memory" ? new { bytes = ProcessMemory.PeakWorkingSet } : worker.Answer(request[0], request.Length > 1 ? int.Parse(request[1], CultureInfo.InvariantCulture) : 0));
            }
        }
        catch (Cifar3Exception e)
        {
            Say(new { missing = e.Message.ReplaceLineEndings(" ") });
        }

        return 0;
    }

    private static void Say(object answer) => Console.WriteLine(JsonSerializer.Serialize(answer));
}

/// <summary>Answers requests with measurements.</summary>
internal interface IWorker : IDisposable
{
    /// <summary>What the tables call it.</summary>
    string Name { get; }

    /// <summary>Does a piece of work.</summary>
    /// <param name="request"><c>train</c>, <c>evaluate</c>, <c>recipe</c>, <c>allocated</c>.</param>
    /// <param name="count">Steps or epochs.</param>
    /// <returns>What is printed as JSON.</returns>
    object Answer(string request, int count);
}
