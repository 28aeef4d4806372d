namespace Cifar3;

/// <summary>How a <see cref="Cifar3Classifier"/> computes.</summary>
public sealed record ClassifierOptions
{
    /// <summary>CPU or GPU. Default: <see cref="ExecutionProvider.Auto"/>.</summary>
    public ExecutionProvider ExecutionProvider { get; init; } = ExecutionProvider.Auto;

    /// <summary>Number of the GPU, from 0; without effect on the CPU. Default: 0.</summary>
    public int DeviceId { get; init; }

    /// <summary>Threads of one call on the CPU; 0 = one for each core. Set 1 where many threads call at once. Default: 0.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// The classes' names in the order of the model's outputs. Null = those that the file tells: this library's files do; for others,
    /// such as tf2onnx's, a text file beside the model with one name a line, <c>model.classes.txt</c> for <c>model.onnx</c>. Default: null.
    /// </summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    internal void Validate()
    {
        if (!Enum.IsDefined(ExecutionProvider))
        {
            throw new ArgumentOutOfRangeException(nameof(ExecutionProvider), ExecutionProvider, $"The execution provider must be Auto, Cpu or Cuda. Received: {ExecutionProvider}.");
        }

        ArgumentOutOfRangeException.ThrowIfNegative(DeviceId);
        ArgumentOutOfRangeException.ThrowIfNegative(Threads);
    }
}
