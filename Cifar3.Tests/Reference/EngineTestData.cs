using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Random models, states and batches, the same on every machine.</summary>
internal static class EngineTestData
{
    public static CnnModel Model(int[] filters, int classes, double dropout, int seed = 1) =>
        CnnModel.Create(Enumerable.Range(0, classes).Select(i => $"class {i}"), seed, filters, [dropout, dropout, dropout]);

    public static byte[] RandomImages(int count, int seed)
    {
        var random = new PhiloxRandom(seed, 0x77000001);
        var images = new byte[count * CnnArchitecture.ImageBytes];
        for (int n = 0; n < images.Length; n++)
            images[n] = (byte)random.NextUInt32();
        return images;
    }

    public static int[] RandomLabels(int count, int classes, int seed)
    {
        var random = new PhiloxRandom(seed, 0x77000002);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(classes))];
    }

    /// <summary>
    /// A state as in the middle of a training, step 2: nothing in it is zero, one or equal. Weights are moved at random, then the
    /// oracle takes two steps so that Adam's moments are of the gradients' size.
    /// </summary>
    public static EngineState RandomState(CnnModel model, int seed)
    {
        var random = new PhiloxRandom(seed, 0x77000003);
        var weights = model.Weights.Select(w => new WeightTensor(w.Name, w.Shape, [.. w.ToArray().Select(value => Moved(w.Name, value))]));
        var network = new ReferenceNetwork(model, EngineState.Initial(model.With(weights)));
        const int batch = 4;
        for (int step = 1; step <= 2; step++)
            network.TrainStep(RandomImages(batch, seed + step), RandomLabels(batch, model.Architecture.Classes, seed + step), 1e-3, step, seed);
        return network.Export(step: 2);

        float Moved(string name, float value) => value + (random.NextSingle() - .5f) * (name.EndsWith("kernel", StringComparison.Ordinal) ? .02f : .4f);
    }

    /// <summary>
    /// The first random batch that keeps a training step clear of ties: no ReLU or pooling choice of the oracle is nearer than
    /// <paramref name="margin"/> (see <see cref="TieMargin"/>), so an engine in float32 must choose the same and gradients can be compared tightly.
    /// </summary>
    public static (byte[] Images, int[] Labels) BatchAwayFromTies(CnnModel model, EngineState state, int batch, long step, int seed, double margin)
    {
        const int tries = 200;
        var network = new ReferenceNetwork(model, state);
        network.DrawMasks(batch, step, seed);
        for (int attempt = 0; attempt < tries; attempt++)
        {
            byte[] images = RandomImages(batch, seed: 1000 + attempt);
            network.Forward(ReferenceNetwork.Scale(images), batch, training: true);
            if (TieMargin.Of(network, model) >= margin)
            {
                return (images, RandomLabels(batch, model.Architecture.Classes, attempt));
            }
        }

        throw new InvalidOperationException($"None of {tries} random batches of {batch} stays {margin} away from ties.");
    }
}
