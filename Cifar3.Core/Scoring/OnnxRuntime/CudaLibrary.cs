using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Cifar3;

/// <summary>ONNX Runtime's library for CUDA: whether the program brings it, what it wants of the machine, and what its errors mean.</summary>
internal static partial class CudaLibrary
{
    /// <summary>What ONNX Runtime calls its CUDA part.</summary>
    public const string Provider = "CUDAExecutionProvider";

    /// <summary>The file of that part.</summary>
    public static string FileName { get; } = OperatingSystem.IsWindows() ? "onnxruntime_providers_cuda.dll" : "libonnxruntime_providers_cuda.so";

    /// <summary>Whether the program brings it. Looks for the file only: a program that scores on the CPU does not load ONNX Runtime for the question.</summary>
    public static bool IsOffered() => Find() is not null;

    /// <summary>The file's path; null where the program has none.</summary>
    public static string? Find() => NativeLibraryFault.Find(FileName);

    /// <summary>
    /// The CUDA and cuDNN that a version of ONNX Runtime is built for: onnxruntime.ai, "CUDA Execution Provider", Requirements; its packages'
    /// native files from 1.27 on need <c>libcublasLt.so.13</c>.
    /// </summary>
    public static (int Cuda, int CuDnn) Wanted(string version)
    {
        int minor = Version.TryParse(version, out var parsed) && parsed.Major == 1 ? parsed.Minor : int.MaxValue;
        return minor >= 27 ? (13, 9) : minor >= 19 ? (12, 9) : (11, 8);
    }

    /// <summary>The libraries that ONNX Runtime's CUDA part loads, of the versions it wants.</summary>
    public static IReadOnlyList<string> Needed(string version)
    {
        var (cuda, cudnn) = Wanted(version);
        int fft = cuda - 1; // cuFFT's own number is one behind CUDA's from 11.2's 10 on
        return OperatingSystem.IsWindows()
            ? [$"cublasLt64_{cuda}.dll", $"cublas64_{cuda}.dll", cuda < 12 ? "cudart64_110.dll" : $"cudart64_{cuda}.dll", $"cufft64_{fft}.dll", $"cudnn64_{cudnn}.dll"]
            : [$"libcublasLt.so.{cuda}", $"libcublas.so.{cuda}", cuda < 12 ? "libcudart.so.11.0" : $"libcudart.so.{cuda}", $"libcufft.so.{fft}", $"libcudnn.so.{cudnn}"];
    }

    /// <summary>What a failure of ONNX Runtime on CUDA means, in one line: what is missing, which versions are wanted, what to do.</summary>
    /// <param name="message">ONNX Runtime's message, of several lines with places in its source.</param>
    /// <param name="version">ONNX Runtime's version.</param>
    public static string Explain(string message, string version)
    {
        var (cuda, cudnn) = Wanted(version);
        string wanted = $"ONNX Runtime {version} wants CUDA {cuda} and cuDNN {cudnn}";
        string pip = cuda >= 13 ? "" : $"-cu{cuda}"; // pip's names lost their number with CUDA 13
        string install = $"Install them (developer.nvidia.com/cuda-downloads and /cudnn; or pip's nvidia-cublas{pip}, nvidia-cuda-runtime{pip}, nvidia-cufft{pip}, nvidia-cudnn-cu{cuda}) and put their folders on {(OperatingSystem.IsWindows() ? "PATH" : "LD_LIBRARY_PATH")}";
        if (MissingLibrary().Match(message) is { Success: true } missing)
        {
            string file = missing.Groups["file"].Value;
            if (file is "libcuda.so.1" or "nvcuda.dll")
            {
                return $"'{file}' (the NVIDIA driver) is not on this machine. Install it; a container gets the machine's by its --gpus option.";
            }

            if (file.Contains("onnxruntime", StringComparison.Ordinal))
            {
                return $"'{file}' (part of ONNX Runtime) is not beside the program. Publish all native files of {OnnxRuntimeLibrary.GpuPackage} {version}.";
            }

            return $"'{file}' ({Owner(file)}) is not on this machine. {wanted}. {install}.";
        }

        if (message.Contains("error 126", StringComparison.Ordinal))
        {
            return $"Windows found a library that {FileName} needs nowhere (error 126), most often cublasLt64_{cuda}.dll or cudnn64_{cudnn}.dll. {wanted}. {install}.";
        }

        if (CudaFailure().Match(message) is { Success: true } failure && int.TryParse(failure.Groups["code"].Value, CultureInfo.InvariantCulture, out int code))
        {
            switch (code)
            {
                case 2:
                    return OutOfMemory();
                case 35:
                    return $"the NVIDIA driver is older than CUDA {cuda} needs (error 35). Expected driver {(cuda >= 13 ? 580 : cuda == 12 ? 525 : 450)} or newer: nvidia-smi tells the one there is. Install a newer driver.";
                case 100:
                    return "there is no NVIDIA GPU that the driver shows (error 100). Look at nvidia-smi, at CUDA_VISIBLE_DEVICES, and in a container at its --gpus option.";
                case 101:
                    return "there is no GPU of this number (error 101). nvidia-smi lists them, from 0; choose another ClassifierOptions.DeviceId.";
                case 209 or 222:
                    return $"this GPU is of a generation that ONNX Runtime {version} has no code for (error {code}). Take a version of the package that knows the card.";
            }
        }

        return message.Contains("out of memory", StringComparison.OrdinalIgnoreCase) || message.Contains("Failed to allocate memory", StringComparison.Ordinal)
            ? OutOfMemory()
            : $"{Shorten(message)}. {wanted}, and an NVIDIA driver for it.";

        static string OutOfMemory() => "the GPU is out of memory. End other programs on it (nvidia-smi lists them), or limit this one with ClassifierOptions.DeviceMemoryLimit.";
    }

    /// <summary>A runtime's message as one line without the places in its source. The names of nodes that it repeats are those of the model's file.</summary>
    public static string Shorten(string message) => Shown.Text(Whitespace().Replace(SourcePlace().Replace(message, " "), " ").Trim().TrimEnd('.'), 300);

    private static string Owner(string file) =>
        file.Contains("cudnn", StringComparison.Ordinal) ? "part of cuDNN"
        : file.Contains("cublas", StringComparison.Ordinal) ? $"CUDA {FileVersion(file)}'s cuBLAS"
        : file.Contains("cufft", StringComparison.Ordinal) ? "CUDA's cuFFT"
        : file.Contains("cudart", StringComparison.Ordinal) ? "CUDA's run time"
        : "part of CUDA";

    private static string FileVersion(string file) => LastNumber().Match(file) is { Success: true } number ? number.Value : "";

    [GeneratedRegex(@"(?<file>lib[\w\-]+\.so[\w.]*): cannot open shared object file|which depends on ""(?<file>[^""]+)"" which is missing", RegexOptions.ExplicitCapture)]
    private static partial Regex MissingLibrary();

    [GeneratedRegex(@"CUDA (failure|error) (?<code>\d+)", RegexOptions.ExplicitCapture)]
    private static partial Regex CudaFailure();

    [GeneratedRegex(@"\[ErrorCode:\w+\]|\[ONNXRuntimeError\][ :\d]*\w*[ :]*|/\S+\.(cc|h|cpp|cu):\d+( ([\w:<>*&]+ )?[\w:<>~]+::[\w~]+\([^()]*\))?|[A-Za-z]:\\\S+\.(cc|h|cpp|cu)(:\d+|\(\d+\))", RegexOptions.ExplicitCapture)]
    private static partial Regex SourcePlace();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Whitespace();

    [GeneratedRegex(@"\d+(?=\.dll$|$)")]
    private static partial Regex LastNumber();
}
