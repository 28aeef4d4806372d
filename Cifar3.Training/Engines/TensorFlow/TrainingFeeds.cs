namespace Cifar3.Training;

/// <summary>
/// What a training step feeds: images, labels, targets, step size, decay, dropout masks. The tensors are used again for the next batch of the same size,
/// so that a step allocates nothing: TensorFlow never writes into fed tensors, and none of these is assigned to a variable.
/// </summary>
internal sealed class TrainingFeeds : IDisposable
{
    private const int ImagesAt = 0, LabelsAt = 1, TargetsAt = 2, StepSizeAt = 3, DecayAt = 4, MasksAt = 5;

    private readonly IReadOnlyList<MaskInput> masks;
    private readonly int seed;
    private readonly Tensor[] values;
    private readonly int classes;
    private int batch;

    public TrainingFeeds(NetworkInputs inputs, int seed, int classes)
    {
        (this.seed, this.classes) = (seed, classes);
        masks = inputs.Masks;
        Outputs = [inputs.Images, inputs.Labels, inputs.Targets, inputs.StepSize, inputs.Decay, .. masks.Select(mask => mask.Placeholder)];
        values = new Tensor[Outputs.Length];
    }

    /// <summary>The placeholders.</summary>
    public Output[] Outputs { get; }

    /// <summary>Their values.</summary>
    public ReadOnlySpan<Tensor> Values => values;

    /// <summary>Writes a batch.</summary>
    public void Fill(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, ReadOnlySpan<float> targets, float stepSize, float decay, long step)
    {
        Allocate(labels.Length);
        images.CopyTo(values[ImagesAt].Span<byte>());
        labels.CopyTo(values[LabelsAt].Span<int>());
        targets.CopyTo(values[TargetsAt].Span<float>()); // empty for a step towards labels, which reads none
        values[StepSizeAt].Span<float>()[0] = stepSize;
        values[DecayAt].Span<float>()[0] = decay;
        for (int i = 0; i < masks.Count; i++)
        {
            DropoutMaskFill.Scaled(seed, step, masks[i].Index, masks[i].Layer.Rate, values[MasksAt + i].Span<float>());
        }
    }

    public void Dispose()
    {
        batch = 0;
        Array.ForEach(values, value => value?.Dispose());
    }

    private void Allocate(int count)
    {
        if (count == batch)
        {
            return;
        }

        Dispose();
        values[ImagesAt] = Tensor.Allocate(DataType.UInt8, count, CnnArchitecture.InputSize, CnnArchitecture.InputSize, CnnArchitecture.InputChannels);
        values[LabelsAt] = Tensor.Allocate(DataType.Int32, count);
        values[TargetsAt] = Tensor.Allocate(DataType.Float, count, classes);
        values[StepSizeAt] = Tensor.Allocate(DataType.Float);
        values[DecayAt] = Tensor.Allocate(DataType.Float);
        for (int i = 0; i < masks.Count; i++)
        {
            values[MasksAt + i] = Tensor.Allocate(DataType.Float, [count, .. masks[i].Layer.OutputShape.Select(dim => (long)dim)]);
        }

        batch = count;
    }
}
