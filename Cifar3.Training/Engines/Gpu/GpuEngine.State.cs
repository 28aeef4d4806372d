using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>State in and out: one copy of the whole of it.</summary>
public sealed partial class GpuEngine
{
    private readonly float[] state; // a copy as the device's memory is laid out, GpuParameters

    /// <inheritdoc/>
    /// <exception cref="GpuException">The driver refused the copy.</exception>
    public EngineState ExportState()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        device.Read(context.State, MemoryMarshal.AsBytes(state.AsSpan()));
        var trainable = context.Parameters.Tensors.Where(tensor => tensor.Trainable).ToList();
        return new EngineState(Read(context.Parameters.Tensors, 0), Read(trainable, FirstMoments), Read(trainable, SecondMoments), step);

        List<WeightTensor> Read(IReadOnlyList<GpuTensor> tensors, int from) =>
            [.. tensors.Select(tensor => new WeightTensor(tensor.Name, tensor.Shape, state.AsSpan(from + tensor.Offset, tensor.Count).ToArray()))];
    }

    /// <inheritdoc/>
    /// <exception cref="GpuException">The driver refused the copy.</exception>
    public void ReadWeights(Span<float> weights)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        EngineChecks.Weights(weights, FirstMoments);
        device.Read(context.State, MemoryMarshal.AsBytes(state.AsSpan(0, FirstMoments)));
        foreach (var tensor in context.Parameters.Tensors)
        {
            state.AsSpan(tensor.Offset, tensor.Count).CopyTo(weights);
            weights = weights[tensor.Count..];
        }
    }

    /// <inheritdoc/>
    /// <exception cref="GpuException">The driver refused the copy.</exception>
    public void ImportState(EngineState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        ObjectDisposedException.ThrowIf(disposed, this);
        var trainable = context.Parameters.Tensors.Where(tensor => tensor.Trainable).ToList();
        var weights = Match("weights", context.Parameters.Tensors, state.Weights);
        var m = Match("Adam's first moments", trainable, state.AdamM);
        var v = Match("Adam's second moments", trainable, state.AdamV);
        EngineChecks.Step(state);

        // Everything fits: only now the engine changes, and in one copy.
        Write(weights, 0);
        Write(m, FirstMoments);
        Write(v, SecondMoments);
        device.Write(context.State, MemoryMarshal.AsBytes(this.state.AsSpan()));
        step = state.Step;

        void Write(List<(GpuTensor Place, WeightTensor Source)> pairs, int from) =>
            pairs.ForEach(pair => pair.Source.Values.CopyTo(this.state.AsSpan(from + pair.Place.Offset)));
    }

    private int FirstMoments => context.Parameters.Trainable + context.Parameters.Moving;

    private int SecondMoments => FirstMoments + context.Parameters.Trainable;

    private static List<(GpuTensor Place, WeightTensor Source)> Match(string what, IReadOnlyList<GpuTensor> expected, IReadOnlyList<WeightTensor> given) =>
        [.. expected.Zip(EngineChecks.InOrder(what, expected.Select(place => (place.Name, (IReadOnlyList<int>)place.Shape)), given))];
}
