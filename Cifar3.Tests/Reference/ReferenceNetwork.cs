using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// The whole network in double, as the list of layers it is: what every engine is measured against.
/// One object holds weights, Adam's moments and what the last forward and backward pass left behind.
/// </summary>
internal sealed class ReferenceNetwork
{
    private readonly CnnModel model;
    private readonly Dictionary<string, double[]> m = [], v = [];
    private readonly EngineOptions options;
    private int B;

    public ReferenceNetwork(CnnModel model, EngineState? state = null, EngineOptions? options = null)
    {
        this.model = model;
        this.options = options ?? new EngineOptions();
        Import(state ?? EngineState.Initial(model));
    }

    /// <summary>Weights by full name, Keras layout.</summary>
    public Dictionary<string, double[]> Weights { get; } = [];

    /// <summary>Gradients of the mean loss by full name, of the last training pass.</summary>
    public Dictionary<string, double[]> Gradients { get; } = [];

    /// <summary>Each layer's output of the last forward pass, by layer name: after ReLU, after softmax.</summary>
    public Dictionary<string, double[]> Activations { get; } = [];

    /// <summary>Each convolution's output before ReLU.</summary>
    public Dictionary<string, double[]> PreActivations { get; } = [];

    /// <summary>Each pooling layer's choices: the index of the largest input.</summary>
    public Dictionary<string, int[]> Argmax { get; } = [];

    /// <summary>The gradient of the mean loss by each layer's input, of the last backward pass.</summary>
    public Dictionary<string, double[]> InputGradients { get; } = [];

    private Dictionary<string, double[]> BatchMean { get; } = [];

    private Dictionary<string, double[]> BatchVariance { get; } = [];

    private Dictionary<string, byte[]> Keep { get; } = [];

    /// <summary>One step: forward with batch statistics and dropout, backward, decay and Adam, moving statistics; targets [B, classes], empty = the labels.</summary>
    public BatchResult TrainStep(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, double learningRate, long step, int seed, ReadOnlySpan<float> targets = default)
    {
        DrawMasks(labels.Length, step, seed);
        Forward(Scale(images), labels.Length, training: true);
        var (loss, correct) = ReferenceSoftmaxCrossEntropy.Measure(Activations["dense"], labels, model.Architecture.Classes);
        if (targets.Length > 0)
        {
            double[] shares = [.. targets.ToArray().Select(t => (double)t)];
            loss = ReferenceSoftmaxCrossEntropy.Loss(Activations["dense"], shares);
            Backward(shares);
        }
        else
        {
            Backward(labels);
        }

        foreach (var (name, gradient) in Gradients.Where(g => !IsFrozen(g.Key.Split('/')[0])))
        {
            if (name.EndsWith("/kernel", StringComparison.Ordinal))
                ReferenceAdam.Decay(Weights[name], learningRate, options.WeightDecay);
            ReferenceAdam.Step(Weights[name], m[name], v[name], gradient, learningRate, step);
        }

        UpdateMoving(null);
        return new BatchResult(loss, correct, labels.Length);
    }

    /// <summary>The batch's statistics into the moving ones: forward in training mode, nothing dropped.</summary>
    public void UpdateStatistics(ReadOnlySpan<byte> images, double momentum)
    {
        int batch = images.Length / CnnArchitecture.ImageBytes;
        Keep.Clear();
        Forward(Scale(images), batch, training: true);
        UpdateMoving(momentum);
    }

    /// <summary>Probabilities [B, classes] in inference mode.</summary>
    public double[] Predict(ReadOnlySpan<byte> images)
    {
        Forward(Scale(images), images.Length / CnnArchitecture.ImageBytes, training: false);
        return Activations["dense"];
    }

    /// <summary>All layers' outputs for pixels [B, 32, 32, 3] in [0, 1]; in training with the masks of <see cref="DrawMasks"/>.</summary>
    public void Forward(double[] pixels, int batch, bool training)
    {
        B = batch;
        double[] x = pixels;
        Activations["input"] = pixels;
        foreach (var layer in model.Layers)
        {
            string name = layer.Name;
            var y = new double[B * Count(layer.OutputShape)];
            switch (layer)
            {
                case Conv2DLayer conv:
                    PreActivations[name] = new double[y.Length];
                    ReferenceConv2D.Forward(x, Weights[$"{name}/kernel"], Weights[$"{name}/bias"], Shape(conv), PreActivations[name]);
                    ReferenceRelu.Forward(PreActivations[name], y);
                    break;
                case BatchNormalizationLayer norm:
                    double[] gamma = Weights[$"{name}/gamma"], mean = Weights[$"{name}/moving_mean"], variance = Weights[$"{name}/moving_variance"];
                    if (training && !IsFrozen(name))
                    {
                        mean = BatchMean[name] = new double[gamma.Length];
                        variance = BatchVariance[name] = new double[gamma.Length];
                        ReferenceBatchNormalization.Statistics(x, gamma.Length, mean, variance);
                    }

                    ReferenceBatchNormalization.Forward(x, gamma, Weights[$"{name}/beta"], mean, variance, y, norm.Epsilon);
                    break;
                case MaxPooling2DLayer:
                    Argmax[name] = new int[y.Length];
                    ReferenceMaxPooling2D.Forward(x, B, layer.InputShape[0], layer.InputShape[1], layer.InputShape[2], y, Argmax[name]);
                    break;
                case DropoutLayer dropout when training && Keep.TryGetValue(name, out byte[]? keep):
                    ReferenceDropout.Forward(x, keep, dropout.Rate, y);
                    break;
                case DropoutLayer or FlattenLayer: // NHWC order is the order in memory
                    x.CopyTo(y, 0);
                    break;
                case DenseLayer dense:
                    var logits = new double[y.Length];
                    ReferenceDense.Forward(x, Weights[$"{name}/kernel"], Weights[$"{name}/bias"], B, layer.InputShape[0], dense.Units, logits);
                    ReferenceSoftmaxCrossEntropy.Forward(logits, B, dense.Units, y);
                    break;
            }

            Activations[name] = x = y;
        }
    }

    /// <summary>Gradients of the mean loss by every trainable weight, and by every layer's input, of the last training forward pass.</summary>
    public void Backward(ReadOnlySpan<int> labels) => Backward(ReferenceSoftmaxCrossEntropy.OneHot(labels, model.Architecture.Classes));

    /// <summary>The same with targets [B, classes].</summary>
    public void Backward(double[] targets)
    {
        double[] dy = new double[B * model.Architecture.Classes];
        ReferenceSoftmaxCrossEntropy.Backward(Activations["dense"], targets, B, model.Architecture.Classes, dy);
        for (int index = model.Layers.Count - 1; index >= 0; index--)
        {
            var layer = model.Layers[index];
            string name = layer.Name;
            double[] x = Activations[index == 0 ? "input" : model.Layers[index - 1].Name], dx = new double[x.Length];
            foreach (var weight in layer.Weights.Where(w => w.Trainable))
                Gradients[$"{name}/{weight.Name}"] = new double[weight.Count];
            switch (layer)
            {
                case Conv2DLayer conv:
                    var dz = new double[dy.Length];
                    ReferenceRelu.Backward(dy, PreActivations[name], dz);
                    ReferenceConv2D.Backward(dz, x, Weights[$"{name}/kernel"], Shape(conv), dx, Gradients[$"{name}/kernel"], Gradients[$"{name}/bias"]);
                    break;
                case BatchNormalizationLayer norm when IsFrozen(name):
                    ReferenceBatchNormalization.BackwardFrozen(dy, Weights[$"{name}/gamma"], Weights[$"{name}/moving_variance"], dx, norm.Epsilon);
                    break;
                case BatchNormalizationLayer norm:
                    ReferenceBatchNormalization.Backward(
                        dy, x, Weights[$"{name}/gamma"], BatchMean[name], BatchVariance[name], dx, Gradients[$"{name}/gamma"], Gradients[$"{name}/beta"], norm.Epsilon);
                    break;
                case MaxPooling2DLayer:
                    ReferenceMaxPooling2D.Backward(dy, Argmax[name], dx);
                    break;
                case DropoutLayer dropout:
                    ReferenceDropout.Backward(dy, Keep[name], dropout.Rate, dx);
                    break;
                case FlattenLayer:
                    dy.CopyTo(dx, 0);
                    break;
                case DenseLayer dense:
                    ReferenceDense.Backward(
                        dy, x, Weights[$"{name}/kernel"], B, layer.InputShape[0], dense.Units, dx, Gradients[$"{name}/kernel"], Gradients[$"{name}/bias"]);
                    break;
            }

            InputGradients[name] = dy = dx;
        }
    }

    private bool IsFrozen(string layer) => options.FrozenLayers.Contains(layer);

    private void UpdateMoving(double? momentum)
    {
        foreach (var layer in model.Layers.OfType<BatchNormalizationLayer>().Where(layer => !IsFrozen(layer.Name)))
        {
            ReferenceBatchNormalization.UpdateMoving(Weights[$"{layer.Name}/moving_mean"], BatchMean[layer.Name], momentum ?? layer.Momentum);
            ReferenceBatchNormalization.UpdateMoving(Weights[$"{layer.Name}/moving_variance"], BatchVariance[layer.Name], momentum ?? layer.Momentum);
        }
    }

    /// <summary>Draws the masks of a step's three dropout layers for a batch.</summary>
    public void DrawMasks(int batch, long step, int seed)
    {
        foreach (var (index, layer) in model.Layers.OfType<DropoutLayer>().Index())
        {
            Keep[layer.Name] = new byte[batch * Count(layer.OutputShape)];
            DropoutMask.Fill(seed, step, index, layer.Rate, 0, Keep[layer.Name]);
        }
    }

    /// <summary>The state rounded to float32, in Keras' order.</summary>
    public EngineState Export(long step)
    {
        var initial = EngineState.Initial(model);
        return new EngineState(Rounded(initial.Weights, Weights), Rounded(initial.AdamM, m), Rounded(initial.AdamV, v), step);

        static List<WeightTensor> Rounded(IEnumerable<WeightTensor> like, Dictionary<string, double[]> values) =>
            [.. like.Select(w => new WeightTensor(w.Name, w.Shape, [.. values[w.Name].Select(value => (float)value)]))];
    }

    public void Import(EngineState state)
    {
        foreach (var (to, from) in new[] { (Weights, state.Weights), (m, state.AdamM), (v, state.AdamV) })
            foreach (var tensor in from)
                to[tensor.Name] = [.. tensor.ToArray().Select(value => (double)value)];
    }

    /// <summary>uint8 pixels to [0, 1].</summary>
    public static double[] Scale(ReadOnlySpan<byte> images)
    {
        var x = new double[images.Length];
        for (int n = 0; n < x.Length; n++)
            x[n] = images[n] / 255.0;
        return x;
    }

    private ConvShape Shape(Conv2DLayer conv) =>
        new(B, conv.InputShape[0], conv.InputShape[1], conv.InputShape[2], conv.Filters, conv.Padding == ConvPadding.Same ? 1 : 0);

    private static int Count(IEnumerable<int> shape) => shape.Aggregate(1, (product, dim) => product * dim);
}
