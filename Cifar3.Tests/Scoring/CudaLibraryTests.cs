namespace Cifar3.Tests;

/// <summary>What is said of CUDA's known failures: the messages are ONNX Runtime's as users report them (github.com/microsoft/onnxruntime issues).</summary>
public sealed class CudaLibraryTests
{
    private const string Linux = "[ErrorCode:Fail] /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library /app/libonnxruntime_providers_cuda.so with error: ";

    [TestCase("1.31.0", Linux + "libcublasLt.so.13: cannot open shared object file: No such file or directory\n", "'libcublasLt.so.13' (CUDA 13's cuBLAS) is not on this machine. ONNX Runtime 1.31.0 wants CUDA 13 and cuDNN 9.")]
    [TestCase("1.22.0", Linux + "libcudnn.so.9: cannot open shared object file: No such file or directory\n", "'libcudnn.so.9' (part of cuDNN) is not on this machine. ONNX Runtime 1.22.0 wants CUDA 12 and cuDNN 9.")]
    [TestCase("1.18.0", Linux + "libcublasLt.so.11: cannot open shared object file: No such file or directory\n", "wants CUDA 11 and cuDNN 8")]
    [TestCase("1.31.0", Linux + "libcuda.so.1: cannot open shared object file: No such file or directory\n", "'libcuda.so.1' (the NVIDIA driver) is not on this machine. Install it; a container gets the machine's by its --gpus option.")]
    [TestCase("1.31.0", "[ErrorCode:Fail] /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library libonnxruntime_providers_shared.so with error: libonnxruntime_providers_shared.so: cannot open shared object file: No such file or directory", "'libonnxruntime_providers_shared.so' (part of ONNX Runtime) is not beside the program. Publish all native files of Microsoft.ML.OnnxRuntime.Gpu 1.31.0.")]
    [TestCase("1.31.0", "[ErrorCode:Fail] D:\\a\\_work\\1\\s\\onnxruntime\\core\\session\\provider_bridge_ort.cc:1539 onnxruntime::ProviderLibrary::Get [ONNXRuntimeError] : 1 : FAIL : Error loading \"C:\\app\\onnxruntime_providers_cuda.dll\" which depends on \"cublasLt64_13.dll\" which is missing. (Error 126: \"The specified module could not be found.\")", "'cublasLt64_13.dll' (CUDA 13's cuBLAS)")]
    [TestCase("1.31.0", "LoadLibrary failed with error 126 \"\" when trying to load \"C:\\app\\onnxruntime_providers_cuda.dll\"", "(error 126), most often cublasLt64_13.dll or cudnn64_9.dll")]
    [TestCase("1.31.0", "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:129 CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=0", "the NVIDIA driver is older than CUDA 13 needs (error 35). Expected driver 580")]
    [TestCase("1.31.0", "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=x", "there is no NVIDIA GPU that the driver shows (error 100)")]
    [TestCase("1.31.0", "CUDA failure 101: invalid device ordinal ; GPU=7", "there is no GPU of this number (error 101)")]
    [TestCase("1.31.0", "CUDA failure 2: out of memory ; GPU=0", "the GPU is out of memory")]
    [TestCase("1.31.0", "Available memory of 1024 is smaller than requested bytes of 2048: Failed to allocate memory for requested buffer of size 2048", "the GPU is out of memory")]
    [TestCase("1.31.0", "CUDA failure 209: no kernel image is available for execution on the device", "of a generation that ONNX Runtime 1.31.0 has no code for")]
    [TestCase("1.31.0", "something new\n  at a place", "something new at a place. ONNX Runtime 1.31.0 wants CUDA 13 and cuDNN 9")]
    public void Explain_KnownFailure_IsOneReadableLine(string version, string message, string expected)
    {
        string line = CudaLibrary.Explain(message, version);

        Assert.That(line, Does.Contain(expected));
        Assert.That(line, Does.Not.Contain("\n").And.Not.Contain(".cc").And.Not.Contain("ErrorCode").And.EndsWith("."));
        Assert.That(line, Has.Length.LessThan(450));
    }

    [TestCase("1.31.1", 13, 9)]
    [TestCase("1.27.0", 13, 9)]
    [TestCase("1.26.1", 12, 9)]
    [TestCase("1.19.2", 12, 9)]
    [TestCase("1.18.0", 11, 8)]
    public void Wanted_OfAVersion_IsWhatItIsBuiltFor(string version, int cuda, int cudnn)
    {
        Assert.That(CudaLibrary.Wanted(version), Is.EqualTo((cuda, cudnn)));
        Assert.That(CudaLibrary.Needed(version), Has.Exactly(1).Contains("cudnn").And.Exactly(2).Contains("cublas"));
    }

    [Test]
    public void Diagnose_OnThisMachine_TellsWhatIsWantedAndFound()
    {
        var diagnosis = Cifar3Classifier.Diagnose().With("TensorFlow", "2.16 or newer", "not here");

        string table = diagnosis.ToString();

        TestContext.Out.WriteLine(table);
        Assert.That(diagnosis.Works, Is.True);
        Assert.That(diagnosis.Lines.Select(line => line.Subject), Is.SupersetOf(new[] { "instruction set", "ONNX Runtime", "ONNX Runtime for CUDA", "NVIDIA driver", "scores by default with", "TensorFlow" }));
        Assert.That(diagnosis.Lines.Single(line => line.Subject == "ONNX Runtime").Found, Does.Match(@"^1\.\d+\.\d+, built with .*CPUExecutionProvider"));
        Assert.That(table.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(diagnosis.Lines.Length + 1), "one line a subject");
    }

    [Test]
    public void ToString_Classifier_SaysClassesAndDevice()
    {
        using var classifier = Cifar3Classifier.LoadDefault();

        Assert.That(classifier.ToString(), Is.EqualTo($"aeroplane, car, bird on {classifier.Device}"));
    }
}
