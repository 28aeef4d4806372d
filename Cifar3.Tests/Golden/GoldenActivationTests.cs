using Cifar3.Training;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Onnx;

namespace Cifar3.Tests;

/// <summary>
/// Each layer's output in every engine against real Keras, relative to the layer's largest value: a trained model in inference, and the
/// first step in training mode, where batch normalization takes the batch's own statistics.
/// </summary>
public sealed class GoldenActivationTests
{
    private const int Images = 4; // of which Keras' activations are kept
    private const double Ceiling = 1e-5, TrainingCeiling = 2e-5; // none is set for training mode; a normalization by a small batch deviation enlarges the error of the convolution before

    private static IEnumerable<string> Engines => EnginesUnderTest.Names.Where(name => name != "Reference"); // GoldenReferenceTests

    [Test]
    public void Predict_TrainedModel_EqualsKerasLayerByLayer([ValueSource(nameof(Engines))] string engineName)
    {
        using var golden = GoldenFile.Open();
        var model = golden.ModelOf("trained/weights");
        byte[] images = golden.TestImages().Images[..(Images * CnnArchitecture.ImageBytes)];
        using var engine = Create(engineName, model);

        var found = engine switch
        {
            TensorFlowEngine tensorFlow => WithSoftmax(tensorFlow.Activations(images, new int[Images], training: false)),
            GpuEngine gpu => Gpu(Predicted(gpu), Images),
            var other => Managed(((ManagedEngine)other).Activations(images)),
        };

        AssertLayers(golden, "trained/activations_test_first_4", model, found, Ceiling);

        Dictionary<string, float[]> Gpu(GpuEngine gpu, int batch) => gpu.Activations(model, Images, batch).ToDictionary();

        GpuEngine Predicted(GpuEngine gpu)
        {
            gpu.Predict(images, new float[3 * Images]);
            return gpu;
        }
    }

    [Test]
    public void TrainStep_FirstStep_EqualsKerasInDoubleLayerByLayer([ValueSource(nameof(Engines))] string engineName)
    {
        using var golden = GoldenFile.Open();
        var model = golden.ModelOf("step_1/before/weights"); // its dropout rates are 0
        var (images, labels) = golden.BatchOf(1);
        using var engine = Create(engineName, model);

        var found = engine switch
        {
            TensorFlowEngine tensorFlow => WithSoftmax(tensorFlow.Activations(images, labels, training: true)),
            GpuEngine gpu => Gpu(Stepped(gpu), GoldenFile.Batch),
            var other => Managed(Trained((ManagedEngine)other)),
        };

        AssertLayers(golden, "step_1/float64/activations_first_4", model, found, TrainingCeiling);

        Dictionary<string, float[]> Gpu(GpuEngine gpu, int batch) => gpu.Activations(model, Images, batch).ToDictionary();

        GpuEngine Stepped(GpuEngine gpu)
        {
            gpu.TrainStep(images, labels, 1e-3f, step: 1);
            return gpu;
        }

        IReadOnlyDictionary<string, float[]> Trained(ManagedEngine managed)
        {
            managed.TrainStep(images, labels, 1e-3f, step: 1);
            return managed.Activations(Images);
        }
    }

    /// <summary>The exported graph in ONNX Runtime, every node's output made an output of the graph.</summary>
    [Test]
    public void OnnxRuntime_TrainedModel_EqualsKerasLayerByLayer()
    {
        using var golden = GoldenFile.Open();
        var model = golden.ModelOf("trained/weights");
        var proto = ModelProto.Parser.ParseFrom(model.ToOnnxBytes());
        proto.Graph.Output.AddRange(proto.Graph.ValueInfo);
        var pixels = golden.TestImages().Images.Take(Images * CnnArchitecture.ImageBytes).Select(value => value / 255f).ToArray();
        using var session = new InferenceSession(Google.Protobuf.MessageExtensions.ToByteArray(proto));

        using var results = session.Run([NamedOnnxValue.CreateFromTensor(KerasGraph.InputName, new DenseTensor<float>(pixels, [Images, 32, 32, 3]))]);

        var found = model.Layers.Where(layer => layer is not DropoutLayer).ToDictionary(layer => layer.Name, layer => ChannelsLast(results.Single(result => result.Name == OutputOf(layer)).AsTensor<float>()));
        AssertLayers(golden, "trained/activations_test_first_4", model, found, Ceiling);

        static string OutputOf(CnnLayer layer) => layer switch { Conv2DLayer => $"{layer.Name}/relu/output", DenseLayer => OnnxGraphBuilder.OutputName, _ => $"{layer.Name}/output" };
    }

    private static ITrainingEngine Create(string name, CnnModel model) =>
        EnginesUnderTest.Require(name).Create(model, new EngineOptions { Seed = 1, Threads = 2, MaxBatchSize = GoldenFile.Batch });

    /// <summary>The managed engine keeps what its layers computed, but for the convolutions that it pools as it computes them.</summary>
    private static Dictionary<string, float[]> Managed(IReadOnlyDictionary<string, float[]> found)
    {
        Assert.That(found, Has.Count.EqualTo(13));
        return found.ToDictionary();
    }

    private static Dictionary<string, float[]> WithSoftmax(IReadOnlyDictionary<string, float[]> activations)
    {
        var found = activations.ToDictionary(pair => pair.Key, pair => pair.Value[..(pair.Value.Length / (activations["dense"].Length / 3) * Images)]);
        var probabilities = new double[3 * Images];
        ReferenceSoftmaxCrossEntropy.Forward([.. found["dense"].Select(logit => (double)logit)], Images, 3, probabilities);
        found["dense"] = [.. probabilities.Select(p => (float)p)];
        Assert.That(found, Has.Count.EqualTo(17));
        return found;
    }

    private static float[] ChannelsLast(Tensor<float> tensor)
    {
        if (tensor.Rank != 4)
        {
            return tensor.ToArray();
        }

        var (channels, pixels) = (tensor.Dimensions[1], tensor.Dimensions[2] * tensor.Dimensions[3]);
        float[] from = tensor.ToArray(), to = new float[from.Length];
        for (int n = 0; n < from.Length; n++)
        {
            int image = n / (channels * pixels), channel = n / pixels % channels, pixel = n % pixels;
            to[(image * pixels + pixel) * channels + channel] = from[n];
        }

        return to;
    }

    private static void AssertLayers(GoldenFile golden, string group, CnnModel model, Dictionary<string, float[]> found, double ceiling)
    {
        var errors = model.Layers.Where(layer => found.ContainsKey(layer.Name)).ToDictionary(
            layer => layer.Name,
            layer => EngineComparison.RelativeToLargest(found[layer.Name].Select(value => (double)value), [.. golden.Floats($"{group}/{layer.Name}").Select(value => (double)value)]));
        TestContext.Out.WriteLine($"{group}: {errors.Count} layers, largest difference {errors.Values.Max():e1} ({errors.MaxBy(e => e.Value).Key})");
        Assert.That(errors.Values, Is.All.LessThan(ceiling), string.Join(", ", errors));
        Assert.That(found["dense"], Has.Length.EqualTo(3 * Images));
    }
}
