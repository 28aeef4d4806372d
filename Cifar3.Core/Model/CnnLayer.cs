using System.Collections.Immutable;

namespace Cifar3;

/// <summary>How a convolution treats the image border.</summary>
public enum ConvPadding
{
    /// <summary>No border: the output is 2 smaller in height and width than the input.</summary>
    Valid,

    /// <summary>A border of one zero pixel: the output has the input's height and width.</summary>
    Same,
}

/// <summary>One weight array that a layer owns: its name within the layer, shape and role.</summary>
/// <param name="Name">Keras' variable name: <c>kernel</c>, <c>bias</c>, <c>gamma</c>, <c>beta</c>, <c>moving_mean</c> or <c>moving_variance</c>.</param>
/// <param name="Shape">Shape in Keras layout: convolution kernels [H, W, Cin, Cout], dense kernels [In, Out], all others [channels].</param>
/// <param name="Trainable">Whether the optimizer changes it; false for moving statistics.</param>
public sealed record WeightSpec(string Name, ImmutableArray<int> Shape, bool Trainable)
{
    /// <summary>Number of elements, the product of <see cref="Shape"/>.</summary>
    public int Count => Shape.Aggregate(1, (product, dim) => product * dim);
}

/// <summary>One layer of the network: what it is called, what goes in and out, and which weights it owns. It holds no numbers.</summary>
/// <remarks>Shapes leave out the batch dimension: [height, width, channels] or [features].</remarks>
public abstract class CnnLayer
{
    private protected CnnLayer(string name, IEnumerable<int> inputShape, IEnumerable<int> outputShape, params WeightSpec[] weights)
    {
        Name = name;
        InputShape = [.. inputShape];
        OutputShape = [.. outputShape];
        Weights = [.. weights];
    }

    /// <summary>Unique name, as Keras names it in a fresh session: <c>conv2d</c>, <c>conv2d_1</c>, …</summary>
    public string Name { get; }

    /// <summary>Keras' class name, such as <c>Conv2D</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>Input shape without the batch dimension.</summary>
    public ImmutableArray<int> InputShape { get; }

    /// <summary>Output shape without the batch dimension.</summary>
    public ImmutableArray<int> OutputShape { get; }

    /// <summary>The layer's weights, in Keras' order.</summary>
    public ImmutableArray<WeightSpec> Weights { get; }

    /// <summary>Number of parameters, trainable or not.</summary>
    public int ParameterCount => Weights.Sum(w => w.Count);

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Kind}) -> (None, {string.Join(", ", OutputShape)})";
}

/// <summary>3×3 convolution, stride 1, with bias and ReLU: y = max(0, conv(x, kernel) + bias).</summary>
/// <remarks><see href="https://keras.io/api/layers/convolution_layers/convolution2d/"/></remarks>
public sealed class Conv2DLayer : CnnLayer
{
    /// <summary>Height and width of the kernel: 3.</summary>
    public const int KernelSize = 3;

    internal Conv2DLayer(string name, int[] input, int filters, ConvPadding padding)
        : base(
            name,
            input,
            padding == ConvPadding.Same ? [input[0], input[1], filters] : [input[0] - 2, input[1] - 2, filters],
            new WeightSpec("kernel", [KernelSize, KernelSize, input[2], filters], true),
            new WeightSpec("bias", [filters], true))
    {
        Filters = filters;
        Padding = padding;
    }

    /// <inheritdoc/>
    public override string Kind => "Conv2D";

    /// <summary>Number of output channels.</summary>
    public int Filters { get; }

    /// <summary>Border treatment.</summary>
    public ConvPadding Padding { get; }
}

/// <summary>
/// Batch normalization over the channel axis: y = γ·(x − μ)/√(σ² + ε) + β, with the batch's mean and biased variance (÷N) in
/// training and the moving ones in inference. Moving values take m·old + (1 − m)·new, m being <see cref="Momentum"/> and ε <see cref="Epsilon"/>.
/// </summary>
/// <remarks>
/// <see href="https://keras.io/api/layers/normalization_layers/batch_normalization/"/>; Ioffe and Szegedy 2015.
/// The moving variance takes Keras 3's value, the biased batch variance; Keras 2's fused kernel took the unbiased one (÷(N−1)), a ratio of 1.0002 here.
/// </remarks>
public sealed class BatchNormalizationLayer : CnnLayer
{
    /// <summary>Keras' default <see cref="Momentum"/>: 0.99.</summary>
    public const double DefaultMomentum = 0.99;

    /// <summary>Keras' default <see cref="Epsilon"/>: 0.001.</summary>
    public const double DefaultEpsilon = 1e-3;

    internal BatchNormalizationLayer(string name, int[] input, double momentum, double epsilon)
        : base(
            name,
            input,
            input,
            new WeightSpec("gamma", [input[2]], true),
            new WeightSpec("beta", [input[2]], true),
            new WeightSpec("moving_mean", [input[2]], false),
            new WeightSpec("moving_variance", [input[2]], false))
    {
        Momentum = momentum;
        Epsilon = epsilon;
    }

    /// <inheritdoc/>
    public override string Kind => "BatchNormalization";

    /// <summary>Share of the old moving statistics that an update keeps, in [0, 1].</summary>
    public double Momentum { get; }

    /// <summary>Added to the variance before the root, above 0.</summary>
    public double Epsilon { get; }
}

/// <summary>The largest of each 2×2 window, stride 2; an odd last row or column is left out.</summary>
/// <remarks><see href="https://keras.io/api/layers/pooling_layers/max_pooling2d/"/></remarks>
public sealed class MaxPooling2DLayer : CnnLayer
{
    internal MaxPooling2DLayer(string name, int[] input)
        : base(name, input, [input[0] / 2, input[1] / 2, input[2]])
    {
    }

    /// <inheritdoc/>
    public override string Kind => "MaxPooling2D";
}

/// <summary>Inverted dropout: in training each activation is zero with probability <see cref="Rate"/>, else multiplied by 1/(1 − rate); nothing in inference.</summary>
/// <remarks><see href="https://keras.io/api/layers/regularization_layers/dropout/"/></remarks>
public sealed class DropoutLayer : CnnLayer
{
    internal DropoutLayer(string name, int[] input, double rate)
        : base(name, input, input) => Rate = rate;

    /// <inheritdoc/>
    public override string Kind => "Dropout";

    /// <summary>Share of activations dropped, in [0, 1).</summary>
    public double Rate { get; }
}

/// <summary>Lays [height, width, channels] out as one vector in that (NHWC) order.</summary>
public sealed class FlattenLayer : CnnLayer
{
    internal FlattenLayer(string name, int[] input)
        : base(name, input, [input[0] * input[1] * input[2]])
    {
    }

    /// <inheritdoc/>
    public override string Kind => "Flatten";
}

/// <summary>Fully connected layer with softmax: probabilities = softmax(x·kernel + bias).</summary>
/// <remarks><see href="https://keras.io/api/layers/core_layers/dense/"/></remarks>
public sealed class DenseLayer : CnnLayer
{
    internal DenseLayer(string name, int[] input, int units)
        : base(name, input, [units], new WeightSpec("kernel", [input[0], units], true), new WeightSpec("bias", [units], true)) => Units = units;

    /// <inheritdoc/>
    public override string Kind => "Dense";

    /// <summary>Number of outputs, the classes.</summary>
    public int Units { get; }
}
