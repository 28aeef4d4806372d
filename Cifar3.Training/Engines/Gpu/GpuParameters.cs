using System.Collections.Immutable;

namespace Cifar3.Training;

/// <summary>Where a weight lies: <paramref name="Count"/> numbers in Keras' order from <paramref name="Offset"/> of the state on.</summary>
internal sealed record GpuTensor(string Name, ImmutableArray<int> Shape, bool Trainable, int Offset, int Count);

/// <summary>
/// The layout of everything that training changes, one block of memory on the device: trainable tensors [T], moving statistics [S], then
/// Adam's m [T] and v [T] of the trainable ones. Each part is in Keras' order and without padding, so one copy takes a state in or out.
/// </summary>
internal sealed class GpuParameters
{
    private readonly Dictionary<string, GpuTensor> byName = [];

    /// <param name="model">The network: at most 1,024 filters a block, so 32 bits count all of its numbers.</param>
    /// <param name="frozenLayers">Names of the layers that are not trained.</param>
    public GpuParameters(CnnModel model, IReadOnlyList<string> frozenLayers)
    {
        var specs = model.Layers.SelectMany(layer => layer.Weights.Select(spec => (Layer: layer, Spec: spec))).ToList();
        int offset = 0;
        foreach (var (layer, spec) in specs.OrderByDescending(s => s.Spec.Trainable)) // a stable order
        {
            byName.Add($"{layer.Name}/{spec.Name}", new GpuTensor($"{layer.Name}/{spec.Name}", spec.Shape, spec.Trainable, offset, spec.Count));
            offset += spec.Count;
            Trainable = spec.Trainable ? offset : Trainable;
        }

        Moving = offset - Trainable;
        Tensors = [.. specs.Select(s => byName[$"{s.Layer.Name}/{s.Spec.Name}"])];
        (Kinds, Rests, Unfrozen) = (new byte[Trainable], new float[Moving], new byte[Moving]);
        foreach (var (layer, spec) in specs.Where(s => !frozenLayers.Contains(s.Layer.Name)))
        {
            var tensor = byName[$"{layer.Name}/{spec.Name}"];
            if (spec.Trainable)
            {
                Kinds.AsSpan(tensor.Offset, tensor.Count).Fill(AdamOptimizer.Decays(spec) ? (byte)2 : (byte)1);
            }
            else
            {
                Rests.AsSpan(tensor.Offset - Trainable, tensor.Count).Fill((float)(1 - ((BatchNormalizationLayer)layer).Momentum));
                Unfrozen.AsSpan(tensor.Offset - Trainable, tensor.Count).Fill(1);
            }
        }
    }

    /// <summary>All tensors in Keras' order.</summary>
    public IReadOnlyList<GpuTensor> Tensors { get; }

    /// <summary>T, the trainable numbers.</summary>
    public int Trainable { get; }

    /// <summary>S, the moving statistics.</summary>
    public int Moving { get; }

    /// <summary>Numbers of the whole state, 3·T + S.</summary>
    public int StateSize => 3 * Trainable + Moving;

    /// <summary>[T]: 0 where a parameter is frozen, 1 where it is trained, 2 where weight decay applies too.</summary>
    public byte[] Kinds { get; }

    /// <summary>[S]: 1 − momentum of each moving statistic; 0 where it is frozen.</summary>
    public float[] Rests { get; }

    /// <summary>[S]: 0 where a moving statistic is frozen, else 1.</summary>
    public byte[] Unfrozen { get; }

    /// <summary>Where a weight lies.</summary>
    public int this[string name] => byName[name].Offset;
}
