using System.CommandLine;
using System.Runtime.InteropServices;
using Cifar3.Training;

namespace Cifar3.Tool;

/// <summary><c>cifar3 doctor</c>: what this machine has for training and scoring.</summary>
internal static class DoctorCommand
{
    public static Command Create() => Shared.Command(
        "doctor",
        "Says what this machine has: processor, ONNX Runtime, CUDA, TensorFlow, data. The exit code is 1 where scoring does not work.",
        "cifar3 doctor",
        (_, _) => Run());

    private static int Run()
    {
        Console.WriteLine($"Cifar3:      {ModelMetadata.CurrentVersion}");
        Console.WriteLine($"Machine:     {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors");
        Console.WriteLine($".NET:        {RuntimeInformation.FrameworkDescription}");
        bool works = Show("Training", () =>
        {
            using var engine = TrainingEngines.Create(TrainingEngine.Managed, CnnModel.Create(Cifar3Data.DefaultClasses), new EngineOptions { MaxBatchSize = 1 });
            return $"{engine.Name} ({engine.Device})";
        });
        works &= Show("Scoring", () =>
        {
            using var classifier = Cifar3Classifier.LoadDefault();
            return classifier.FallbackReason is { } reason ? $"{classifier.Device}; no GPU: {reason}" : classifier.Device;
        });
        Show("TensorFlow", () => TensorFlowEngine.GetInfo().ToString());
        Show("Data", () => Cifar3Data.TryLoad(null, new DataOptions { AllowDownload = false }, out var data, out string? reason) ? data.ToString() : $"CIFAR-10 is not on this machine: {reason}");
        return works ? 0 : ConsoleProgram.Failed;
    }

    private static bool Show(string name, Func<string> find)
    {
        try
        {
            Console.WriteLine($"{name + ":",-12} {find().ReplaceLineEndings(" ")}");
            return true;
        }
        catch (Cifar3Exception e)
        {
            Console.WriteLine($"{name + ":",-12} not here. {e.Message.ReplaceLineEndings(" ")}");
            return false;
        }
    }
}
