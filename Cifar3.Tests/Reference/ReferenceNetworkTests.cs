using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The oracle's network as a whole, by finite differences of its loss.</summary>
public sealed class ReferenceNetworkTests
{
    [Test]
    public void Backward_SmallNetwork_IsTheSlopeOfTheLossInEveryWeight()
    {
        const int B = 2;
        var model = CnnModel.Create(["a", "b", "c"], seed: 1, filters: [1, 2, 3], dropoutRates: [.5, .25, 0]);
        var state = EngineTestData.RandomState(model, seed: 1);
        var network = new ReferenceNetwork(model, state);
        double[] x = ReferenceNetwork.Scale(EngineTestData.RandomImages(B, seed: 1));
        int[] labels = [2, 0];
        network.DrawMasks(B, step: 3, seed: 5);
        network.Forward(x, B, training: true);
        Assert.That(TieMargin.Of(network, model), Is.GreaterThan(1e-4), "The inputs lie too near a tie for finite differences: take another seed.");
        network.Backward(labels);

        Assert.Multiple(() =>
        {
            foreach (string name in network.Gradients.Keys)
            {
                double[] weight = network.Weights[name], gradient = [.. network.Gradients[name]];
                var some = Enumerable.Range(0, weight.Length).Where(n => n % Math.Max(1, weight.Length / 8) == 0);
                Assert.That(GradientCheck.WorstError(Loss, weight, gradient, h: 1e-6, some), Is.LessThan(1e-6), name);
            }

            double[] dx = [.. network.InputGradients["conv2d"]];
            Assert.That(GradientCheck.WorstError(Loss, x, dx, h: 1e-6, Enumerable.Range(100, 6)), Is.LessThan(1e-6), "pixels");
        });

        double Loss()
        {
            network.Forward(x, B, training: true);
            return ReferenceSoftmaxCrossEntropy.Measure(network.Activations["dense"], labels, 3).LossSum / B;
        }
    }

    [Test]
    public void TrainStep_Adam_MovesWeightsAndMovingStatisticsOnlyByItsFormula()
    {
        var model = CnnModel.Create(["a", "b"], filters: [1, 1, 1]);
        var network = new ReferenceNetwork(model);
        byte[] images = EngineTestData.RandomImages(3, seed: 1);

        var result = network.TrainStep(images, [0, 1, 1], .001, step: 1, seed: 0);

        Assert.That(result.Count, Is.EqualTo(3));
        var state = network.Export(1);
        var bias = state.AdamM.Single(t => t.Name == "dense/bias").ToArray();
        Assert.That(bias[0], Is.EqualTo(.1 * network.Gradients["dense/bias"][0]).Within(1e-8));
        Assert.That(state.Weights.Single(t => t.Name == "batch_normalization/moving_variance").Values[0], Is.InRange(.99, 1)); // .99·1 + .01·batch
    }
}
