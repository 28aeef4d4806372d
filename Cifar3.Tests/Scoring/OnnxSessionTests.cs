using Microsoft.ML.OnnxRuntime;

namespace Cifar3.Tests;

/// <summary>A session as a GPU's is used, on the CPU: tensors given to every run, the input in memory that ONNX Runtime gives, or does not give.</summary>
public sealed class OnnxSessionTests
{
    [TestCase("Cpu", TestName = "Run_InputInTheSessionsMemory_IsTheSame")]
    [TestCase("CudaPinned", TestName = "Run_SessionWithoutThatMemory_IsTheSame")]
    public void Run_AsOnADevice(string memory)
    {
        var model = TestModels.Random(filters: [2, 3, 4]);
        var scoring = ScoringModel.Of(model);
        foreach (var (onnx, signature) in new[] { (scoring.ToOnnx(), scoring.Signature), (model.ToOnnxBytes(), OnnxSignature.Own(model.Architecture.Classes)) })
        {
            using var info = new OrtMemoryInfo(memory, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);
            using var ordinary = new OnnxSession(new InferenceSession(onnx), signature, capacity: 9, onDevice: false);
            using var other = new OnnxSession(new InferenceSession(onnx), signature, capacity: 9, onDevice: true, info);
            foreach (int images in new[] { 3, 1, 9, 3 }) // a larger buffer replaces a smaller one
            {
                byte[] pixels = EngineTestData.RandomImages(images, images);
                float[] expected = new float[images * signature.Classes], actual = new float[expected.Length];

                ordinary.Run(pixels, expected);
                other.Run(pixels, actual);

                Assert.That(actual, Is.EqualTo(expected), $"{images} images, {(signature.TakesBytes ? "bytes" : "floats")}");
                Assert.That(actual.Sum(), Is.EqualTo(images).Within(1e-4));
            }
        }
    }
}
