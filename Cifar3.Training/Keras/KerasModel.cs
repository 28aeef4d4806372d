namespace Cifar3.Training;

/// <summary>What a Keras file holds: the network with its weights and, when Keras saved it, Adam's state.</summary>
/// <param name="Model">The network. Class names are those given to <see cref="KerasFile.Load"/>, or stored by this library, or <c>class_0</c>, <c>class_1</c>, …</param>
/// <param name="State">Weights, Adam's moments and step, so that training continues where Keras stopped; null when the file has no state that Adam here can continue.</param>
/// <param name="LearningRate">Adam's learning rate; null when the file tells none.</param>
/// <param name="KerasVersion">The version of Keras that wrote the file, such as <c>2.3.1</c>; null when the file tells none.</param>
/// <param name="Notes">What was converted, assumed or left out, in words, a sentence or two each; empty when there is nothing to say. Print them.</param>
public sealed record KerasModel(CnnModel Model, EngineState? State, double? LearningRate, string? KerasVersion, IReadOnlyList<string> Notes)
{
    /// <summary>Names, in <see cref="Model"/>, of the layers that the file does not train (<c>trainable=False</c>); empty when it trains all.</summary>
    public IReadOnlyList<string> FrozenLayers { get; init; } = [];
}
