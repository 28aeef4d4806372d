using System.Globalization;

namespace Cifar3;

/// <summary>A graph that fits but asks for more than is allowed.</summary>
internal sealed class TooCostlyException(string message) : FormatException(message);

/// <summary>What one image costs: multiplications (or as much work), and numbers that the layers put out.</summary>
internal readonly record struct NetworkCost(double Operations, double Activations)
{
    /// <summary>The network of default size: 24.6 million multiplications, 0.2 million numbers.</summary>
    public static NetworkCost Default { get; } = Of(new CnnArchitecture());

    /// <summary>This library's network.</summary>
    public static NetworkCost Of(CnnArchitecture architecture)
    {
        double operations = 0, activations = 0;
        foreach (var layer in architecture.CreateLayers())
        {
            double output = layer.OutputShape.Aggregate(1.0, (product, size) => product * size);
            operations += layer switch
            {
                Conv2DLayer conv => output * Conv2DLayer.KernelSize * Conv2DLayer.KernelSize * conv.InputShape[2],
                DenseLayer => output * layer.InputShape[0],
                _ => output,
            };
            activations += layer is Conv2DLayer ? 2 * output : layer is DropoutLayer ? 0 : output; // a ReLU is a node of its own
        }

        return new NetworkCost(operations, activations);
    }

    /// <summary>The cost with one more node.</summary>
    public NetworkCost Plus(double operations, double activations) => new(Operations + operations, Activations + activations);

    /// <summary>As many times as much.</summary>
    public NetworkCost Times(double factor) => new(Operations * factor, Activations * factor);

    /// <summary>Whether neither is beyond.</summary>
    public bool IsWithin(NetworkCost limit) => Operations <= limit.Operations && Activations <= limit.Activations;

    /// <summary>The larger of the two, in multiples of the default network's; at least 1.</summary>
    public double Multiple => Math.Max(1, Math.Max(Operations / Default.Operations, Activations / Default.Activations));

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Operations:N0} operations and {Activations:N0} activations");
}
