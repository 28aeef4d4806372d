using System.CommandLine;
using Cifar3.Training;

namespace Cifar3.Benchmarks;

/// <summary>
/// <c>gpu</c>: all that there is to find out on the day a GPU is there, in minutes and in one table: device and driver, rightness, times, peers. With
/// <c>--small</c> the same on a few tiny batches, for OpenCL on a processor (<c>CIFAR3_GPU=OpenCL</c>).
/// </summary>
internal static class GpuSubject
{
    public const string Name = "gpu";

    private static readonly Option<bool> Small = new("--small") { Description = "Tiny networks and batches: seconds on a processor's OpenCL." };
    private static readonly Option<bool> Checks = new("--checks") { Description = "Whether the GPU computes rightly, and no times." };

    public static Command Create() => SubjectOptions.Command(
        Name,
        "The GPU engine on this machine's GPU: checks, times, and PyTorch on the same card.",
        (_, arguments) =>
        {
            var findings = new GpuFindings();
            Run(arguments.GetValue(Small), arguments.GetValue(Checks), findings);
            findings.Print();
            return findings.Targets;
        },
        Small,
        Checks);

    /// <summary>Finds everything out.</summary>
    public static void Run(bool small, bool checksOnly, GpuFindings findings)
    {
        GpuDevice device;
        try
        {
            device = GpuSearch.Open(Environment.GetEnvironmentVariable(GpuSearch.Variable));
        }
        catch (GpuException e)
        {
            findings.Check("device", false, e.Message.ReplaceLineEndings(" "), "a GPU");
            return;
        }

        using (device)
        {
            findings.Add("device", device.Description);
            foreach (string line in File.Exists("/proc/driver/nvidia/version") ? File.ReadLines("/proc/driver/nvidia/version").Take(1) : [])
            {
                findings.Add("driver", line);
            }

            findings.Part("kernels", () => GpuKernelChecks.Run(device, findings));
        }

        var data = small ? Cifar3Data.Synthetic(96, 24) : BenchmarkImages.Load();
        int[] filters = small ? [3, 5, 7] : [32, 64, 128];
        var model = CnnModel.Create(data.ClassNames, filters: filters, seed: 1);
        int fewImages = small ? 4 : 8; // two float32 engines: the more images, the surer that rounding decides one ReLU differently, which moves all gradients
        findings.Part("steps beside the managed engine", () => GpuStateChecks.Run(Open, data.Train, model, fewImages, small ? 2 : 10, findings));
        if (!small)
        {
            findings.Part("golden steps", () => GpuGoldenStep.Run(Open, findings));
        }

        if (checksOnly)
        {
            return;
        }

        int[] batches = small ? [4, 8] : [128, 512];
        int steps = small ? 2 : 100;
        foreach (int size in batches)
        {
            findings.Part($"times, batch {size}", () => GpuTimes.Run(model, data.Train, size, steps, findings));
        }

        findings.Part("the notebook's recipe", () => GpuRecipe.Run(data, filters, small ? 1 : 10, findings));
        findings.Part("hand-over", () => GpuRecipe.HandOver(data, filters, findings));
        findings.Part("PyTorch", () =>
        {
            var folder = WorkFolder.Create(data);
            try
            {
                GpuPeers.Run(folder, batches, steps, small ? "cpu" : "cuda", findings);
            }
            finally
            {
                folder.Delete();
            }
        });
        if (!small)
        {
            GpuSanitizer.Run(findings);
        }
    }

    private static GpuEngine Open(CnnModel model, EngineOptions options) => new(model, options);
}
