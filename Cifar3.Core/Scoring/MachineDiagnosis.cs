using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Cifar3;

/// <summary>Finds what <see cref="Cifar3Classifier.Diagnose"/> tells: nothing here throws for what is missing.</summary>
internal static unsafe class MachineDiagnosis
{
    private static readonly string Driver = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    public static Diagnosis Make()
    {
        var lines = ImmutableArray.CreateBuilder<DiagnosisLine>();
        Add("Cifar3", "", ModelMetadata.CurrentVersion);
        Add("machine", "", string.Create(CultureInfo.InvariantCulture, $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors; {RuntimeInformation.FrameworkDescription}"));
        Add("instruction set", "AVX2 or AVX-512; VNNI for int8", $"{InstructionSet()}; {(Vnni.IsSupported ? "VNNI" : RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.X86 ? "no VNNI: int8 gains little here" : "VNNI is x86's")}");
        string version = OnnxRuntimeLibrary.Expected;
        Add("ONNX Runtime", version, Try(() =>
        {
            var (found, providers) = OnnxRuntimeLibrary.Load();
            version = found;
            return $"{found}, built with {string.Join(", ", providers)}";
        }));
        var (cuda, cudnn) = CudaLibrary.Wanted(version);
        Add("ONNX Runtime for CUDA", CudaLibrary.FileName, CudaLibrary.Find() ?? "not in this program: reference the package Cifar3.Gpu in place of Cifar3");
        Add("NVIDIA driver", Driver, DriverVersion());
        var needed = CudaLibrary.Needed(version).ToLookup(file => file.Contains("cudnn", StringComparison.Ordinal));
        Add($"CUDA {cuda}", string.Join(" ", needed[false]), Libraries(needed[false]));
        Add($"cuDNN {cudnn}", string.Join(" ", needed[true]), Libraries(needed[true]));
        bool works = false;
        Add("scores by default with", "", Try(() =>
        {
            using var classifier = Cifar3Classifier.LoadDefault();
            classifier.Score(new byte[CnnArchitecture.ImageBytes], new float[classifier.ClassNames.Length]);
            works = true;
            return classifier.FallbackReason is { } reason ? $"{classifier.Device}. {reason}" : classifier.Device;
        }));
        return new Diagnosis(lines.ToImmutable(), works);

        void Add(string subject, string wanted, string found) => lines.Add(new DiagnosisLine(subject, wanted, found));
    }

    private static string InstructionSet()
    {
        using var scorer = new ManagedScorer(CnnModel.Create(["a", "b"], filters: [1, 1, 1]), threads: 1);
        return scorer.SimdName;
    }

    private static string Try(Func<string> find)
    {
        try
        {
            return find();
        }
        catch (Cifar3Exception e)
        {
            return e.Message.ReplaceLineEndings(" ");
        }
    }

    private static string Libraries(IEnumerable<string> files)
    {
        string[] missing = [.. files.Where(file => !CanLoad(file))];
        return missing.Length == 0 ? "all here" : $"missing: {string.Join(" ", missing)}";
    }

    private static bool CanLoad(string file)
    {
        bool found = NativeLibrary.TryLoad(file, out nint library);
        if (found)
        {
            NativeLibrary.Free(library);
        }

        return found;
    }

    /// <summary>The newest CUDA that the driver can run, from <c>cuDriverGetVersion</c>, which needs no GPU.</summary>
    private static string DriverVersion()
    {
        if (!NativeLibrary.TryLoad(Driver, out nint library))
        {
            return "not here";
        }

        try
        {
            int version = 0;
            return NativeLibrary.TryGetExport(library, "cuDriverGetVersion", out nint function) && ((delegate* unmanaged<int*, int>)function)(&version) == 0
                ? string.Create(CultureInfo.InvariantCulture, $"for CUDA up to {version / 1000}.{version % 1000 / 10}")
                : "here, but it does not tell its version";
        }
        finally
        {
            NativeLibrary.Free(library);
        }
    }
}
