using Microsoft.ML.OnnxRuntime;
using Onnx;
using Google.Protobuf;

namespace Cifar3;

/// <summary>Runs the optimized float graph over images and counts its activations.</summary>
internal static class Calibrator
{
    private const int Batch = 32;

    /// <summary>One histogram for each convolution's output after ReLU, in order.</summary>
    /// <exception cref="Cifar3Exception">ONNX Runtime's native library is missing or fails.</exception>
    public static IReadOnlyList<ActivationHistogram> Run(FoldedNetwork network, OnnxExportOptions options)
    {
        var images = options.CalibrationImages!;
        int count = Math.Min(options.CalibrationCount, images.Count);
        images = images.Shuffle(seed: 1).Take(count);

        var names = new List<string>();
        var model = OnnxExporter.Wrap(OptimizedGraph.Create(network, names));
        ActivationHistogram[] histograms = [.. names.Select(_ => new ActivationHistogram())];
        OnnxRuntimeLibrary.Load();
        try
        {
            using var session = new InferenceSession(model.ToByteArray(), new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR });
            using var runOptions = new RunOptions();
            for (int done = 0; done < count; done += Batch)
            {
                int n = Math.Min(Batch, count - done);
                byte[] pixels = images.Pixels.Slice(done * CnnArchitecture.ImageBytes, n * CnnArchitecture.ImageBytes).ToArray();
                using var input = OrtValue.CreateTensorValueFromMemory(pixels, [n, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels]);
                using var outputs = session.Run(runOptions, [ScoringGraph.InputName], [input], names);
                for (int i = 0; i < histograms.Length; i++)
                {
                    histograms[i].Add(outputs[i].GetTensorDataAsSpan<float>());
                }
            }
        }
        catch (OnnxRuntimeException e)
        {
            throw new Cifar3Exception($"Cannot calibrate the int8 model: {e.Message.TrimEnd('.')}. Save another flavour, or update the package of ONNX Runtime.", e);
        }

        return histograms;
    }
}
