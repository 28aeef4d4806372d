using System.CommandLine;
using Cifar3.Training;

namespace Cifar3.Tool;

/// <summary><c>cifar3 doctor</c>: what this machine has for training and scoring.</summary>
internal static class DoctorCommand
{
    /// <summary>A GIF of one pixel: decoding it takes the native library that reads every picture.</summary>
    private static readonly byte[] Picture = Convert.FromBase64String("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7");

    public static Command Create() => Shared.Command(
        "doctor",
        "Says what this machine has: processor, ONNX Runtime, CUDA, TensorFlow, data. The exit code is 1 where reading pictures, scoring or training does not work.",
        "cifar3 doctor",
        (_, _) => Run());

    private static int Run()
    {
        bool reads = false, trains = false;
        var diagnosis = Cifar3Classifier.Diagnose()
            .With("reads pictures with", "", Find(() =>
            {
                ImageDecoder.Decode(Picture, new byte[CnnArchitecture.ImageBytes], "a picture of this command", ImageDecoder.DefaultMaxPixels);
                reads = true;
                return $"SkiaSharp {typeof(SkiaSharp.SKCodec).Assembly.GetName().Version?.ToString(2)}";
            }))
            .With("trains by default with", "", Find(() =>
            {
                using var engine = TrainingEngines.Create(TrainingEngine.Auto, CnnModel.Create(Cifar3Data.DefaultClasses), new EngineOptions { MaxBatchSize = 1 });
                trains = true;
                return $"{engine.Name} ({engine.Device})";
            }))
            .With("TensorFlow", "", Find(() => TensorFlowEngine.GetInfo().ToString()))
            .With("GPU for training", "", Find(GpuEngine.DescribeDevice))
            .With("data", "", Find(() => Cifar3Data.TryLoad(null, new DataOptions { AllowDownload = false }, out var data, out string? reason) ? data.ToString() : $"CIFAR-10 is not on this machine: {reason}"));
        Shared.PrintLines(diagnosis.ToString().TrimEnd());
        return diagnosis.Works && reads && trains ? 0 : ConsoleProgram.Failed;
    }

    private static string Find(Func<string> find)
    {
        try
        {
            return find().ReplaceLineEndings(" ");
        }
        catch (Cifar3Exception e)
        {
            return $"not here. {e.Message.ReplaceLineEndings(" ")}";
        }
    }
}
