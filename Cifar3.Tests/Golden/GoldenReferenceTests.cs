namespace Cifar3.Tests;

/// <summary>The oracle against real Keras, layer by layer: the same network, computed by other people's code.</summary>
public sealed class GoldenReferenceTests
{
    [Test]
    public void Forward_TrainedModelInInference_EqualsKerasLayerByLayer()
    {
        using var golden = GoldenFile.Open();
        var model = golden.ModelOf("trained/weights");
        var network = new ReferenceNetwork(model);

        network.Predict(golden.TestImages().Images.AsSpan(0, 4 * CnnArchitecture.ImageBytes));

        AssertLayers(golden, "trained/activations_test_first_4", model, network, ceiling: 1e-5); // Keras' float32
    }

    [Test]
    public void Forward_FirstStepInTraining_EqualsKerasInDoubleLayerByLayer()
    {
        using var golden = GoldenFile.Open();
        var model = golden.ModelOf("step_1/before/weights");
        var network = new ReferenceNetwork(model);
        var (images, labels) = golden.BatchOf(1);

        network.TrainStep(images, labels, 1e-3, step: 1, seed: 0);

        AssertLayers(golden, "step_1/float64/activations_first_4", model, network, ceiling: 1e-6); // Keras' float64, stored as float32
        var errors = golden.Gradients(1).ToDictionary(g => g.Key, g => EngineComparison.RelativeL2(network.Gradients[g.Key], g.Value));
        TestContext.Out.WriteLine($"gradients: worst {errors.Values.Max():e1}");
        Assert.That(errors.Values, Is.All.LessThan(1e-6), string.Join(", ", errors));
    }

    private static void AssertLayers(GoldenFile golden, string group, CnnModel model, ReferenceNetwork network, double ceiling)
    {
        Assert.Multiple(() =>
        {
            foreach (var layer in model.Layers)
            {
                double[] expected = [.. golden.Floats($"{group}/{layer.Name}").Select(value => (double)value)];
                double error = EngineComparison.RelativeToLargest(network.Activations[layer.Name], expected); // the first 4 images
                TestContext.Out.WriteLine($"{layer.Name,-24} {error:e1}");
                Assert.That(error, Is.LessThan(ceiling), layer.Name);
            }
        });
    }
}
