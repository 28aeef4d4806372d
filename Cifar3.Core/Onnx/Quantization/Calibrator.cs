using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Cifar3;

/// <summary>Runs the optimized float graph over images and counts its activations.</summary>
internal static class Calibrator
{
    private const int Batch = 32;

    /// <summary>The largest activation of each channel of each convolution's output after ReLU.</summary>
    /// <exception cref="Cifar3Exception">ONNX Runtime's native library is missing or fails.</exception>
    public static IReadOnlyList<float[]> ChannelMaxima(FoldedNetwork network, OnnxExportOptions options)
    {
        float[][] maxima = [.. network.Convolutions.Select(conv => new float[conv.Outputs])];
        Run(network, options, (layer, values) =>
        {
            float[] channels = maxima[layer];
            int pixels = network.Convolutions[layer].OutputSize * network.Convolutions[layer].OutputSize;
            for (int first = 0; first < values.Length; first += pixels) // [n, channels, height, width]
            {
                ref float largest = ref channels[first / pixels % channels.Length];
                foreach (float value in values.Slice(first, pixels))
                {
                    largest = Math.Max(largest, value);
                }
            }
        });
        return maxima;
    }

    /// <summary>One histogram for each convolution's output after ReLU, in order.</summary>
    /// <exception cref="Cifar3Exception">ONNX Runtime's native library is missing or fails.</exception>
    public static IReadOnlyList<ActivationHistogram> Histograms(FoldedNetwork network, OnnxExportOptions options)
    {
        ActivationHistogram[] histograms = [.. network.Convolutions.Select(_ => new ActivationHistogram())];
        Run(network, options, (layer, values) => histograms[layer].Add(values));
        return histograms;
    }

    private static void Run(FoldedNetwork network, OnnxExportOptions options, Action<int, ReadOnlySpan<float>> take)
    {
        var images = options.CalibrationImages!;
        int count = Math.Min(options.CalibrationCount, images.Count);
        images = images.Select(new PhiloxRandom(1, RandomStreams.DataShuffle).Permutation(images.Count).AsSpan(0, count)); // folders come class by class

        var names = new List<string>();
        var model = OnnxExporter.Wrap(OptimizedGraph.Create(network, names));
        OnnxRuntimeLibrary.Load("Cannot write an int8 file, whose ranges are measured in it");
        try
        {
            // Errors are thrown. Its log would write into the terminal of a program that ends meanwhile, whose exit takes away what a run needs.
            using var sessionOptions = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
            using var session = new InferenceSession(model.ToByteArray(), sessionOptions);
            using var runOptions = new RunOptions();
            for (int done = 0; done < count; done += Batch)
            {
                int n = Math.Min(Batch, count - done);
                byte[] pixels = images.Pixels.Slice(done * CnnArchitecture.ImageBytes, n * CnnArchitecture.ImageBytes).ToArray();
                using var input = OrtValue.CreateTensorValueFromMemory(pixels, [n, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels]);
                using var outputs = session.Run(runOptions, [OptimizedGraph.InputName], [input], names);
                for (int i = 0; i < names.Count; i++)
                {
                    take(i, outputs[i].GetTensorDataAsSpan<float>());
                }
            }
        }
        catch (OnnxRuntimeException e)
        {
            throw new Cifar3Exception($"Cannot calibrate the int8 model: {e.Message.TrimEnd('.')}. Save another flavour, or update the package of ONNX Runtime.", e);
        }
    }
}
