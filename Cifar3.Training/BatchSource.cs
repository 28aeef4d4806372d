namespace Cifar3.Training;

/// <summary>A batch ready for the engine.</summary>
/// <param name="Images">Pixels [count, 32, 32, 3].</param>
/// <param name="Labels">Labels [count].</param>
/// <param name="Targets">Targets [count, classes]; empty where the labels are all there is to learn.</param>
internal readonly record struct Batch(ReadOnlyMemory<byte> Images, ReadOnlyMemory<int> Labels, ReadOnlyMemory<float> Targets);

/// <summary>
/// The training images in the order of an epoch, augmented, with their targets. The next batch is prepared on another thread while the engine
/// computes: it costs a fiftieth of a step, and what is drawn depends on (seed, epoch, image) alone.
/// </summary>
internal sealed class BatchSource
{
    private readonly ImageSet train;
    private readonly TrainingPlan plan;
    private readonly int seed;
    private readonly bool makesTargets;
    private readonly Buffers[] buffers;
    private int[] order = [];
    private int epoch;

    public BatchSource(ImageSet train, TrainingPlan plan, int seed)
    {
        (this.train, this.plan, this.seed) = (train, plan, seed);
        ClassWeights = plan.ClassWeights?.For(train);
        makesTargets = plan.LabelSmoothing > 0 || ClassWeights is not null || plan.Augmentations.Any(a => a is MixingAugmentation);
        int batch = Math.Min(plan.BatchSize, train.Count);
        buffers = [new Buffers(batch, makesTargets ? Classes : 0), new Buffers(batch, makesTargets ? Classes : 0)];
    }

    /// <summary>How much an image of each class counts; null = each the same.</summary>
    public float[]? ClassWeights { get; }

    private int Classes => train.ClassNames.Length;

    /// <summary>All batches of an epoch. A batch is valid until the next but one is asked for.</summary>
    /// <param name="epoch">Number of the epoch, from 1.</param>
    /// <param name="cancellation">Looked at between two batches.</param>
    public IEnumerable<Batch> Epoch(int epoch, CancellationToken cancellation)
    {
        this.epoch = epoch;
        order = new PhiloxRandom(seed, RandomStreams.Shuffle + (uint)epoch).Permutation(train.Count);
        int steps = (train.Count + plan.BatchSize - 1) / plan.BatchSize;
        var next = Task.FromResult(Prepare(0));
        try
        {
            for (int batch = 0; batch < steps; batch++)
            {
                cancellation.ThrowIfCancellationRequested();
                var current = next.GetAwaiter().GetResult();
                int following = batch + 1;
                next = following < steps ? Task.Run(() => Prepare(following), CancellationToken.None) : next;
                yield return current;
            }
        }
        finally
        {
            UninterruptedWait.ForEnd(next); // nothing is left running, whoever leaves and why
        }
    }

    private Batch Prepare(int batch)
    {
        int first = batch * plan.BatchSize, count = Math.Min(plan.BatchSize, train.Count - first);
        var own = buffers[batch % 2];
        for (int i = 0; i < count; i++)
        {
            var image = own.Images.AsSpan(i * CnnArchitecture.ImageBytes, CnnArchitecture.ImageBytes);
            var target = makesTargets ? own.Targets.AsSpan(i * Classes, Classes) : [];
            int index = order[first + i];
            own.Labels[i] = train.Labels[index];
            Draw(index, image, target, own.Other);
        }

        return new Batch(own.Images.AsMemory(0, count * CnnArchitecture.ImageBytes), own.Labels.AsMemory(0, count), own.Targets.AsMemory(0, makesTargets ? count * Classes : 0));
    }

    private void Draw(int index, Span<byte> image, Span<float> target, Span<byte> other)
    {
        train.Image(index).CopyTo(image);
        target.Clear();
        if (target.Length > 0)
        {
            target[train.Labels[index]] = 1;
        }

        for (int place = 0; place < plan.Augmentations.Length; place++)
        {
            var random = new AugmentationRandom(seed, epoch, index, place);
            if (plan.Augmentations[place] is MixingAugmentation mixing)
            {
                MixIn(mixing, place, random, image, target, other);
            }
            else
            {
                plan.Augmentations[place].Apply(image, random);
            }
        }

        if (target.Length > 0)
        {
            Finish(target);
        }
    }

    /// <summary>The second image comes with the changes that stand before the mixing, drawn for this place in its own right.</summary>
    private void MixIn(MixingAugmentation mixing, int place, AugmentationRandom random, Span<byte> image, Span<float> target, Span<byte> other)
    {
        float share = mixing.Share(random);
        int index = random.Next(train.Count);
        if (share == 1)
        {
            return;
        }

        train.Image(index).CopyTo(other);
        for (int before = 0; before < place; before++)
        {
            if (plan.Augmentations[before] is not MixingAugmentation)
            {
                plan.Augmentations[before].Apply(other, new AugmentationRandom(seed, epoch, index, 0x10000 * (place + 1) + before));
            }
        }

        share = mixing.Mix(image, other, share, random);
        foreach (ref float part in target)
        {
            part *= share;
        }

        target[train.Labels[index]] += 1 - share;
    }

    /// <summary>Label smoothing (Szegedy et al. 2016): (1 − ε)·t + ε/classes; then the weight of the classes in the target.</summary>
    private void Finish(Span<float> target)
    {
        float weight = 1, smoothing = plan.LabelSmoothing;
        if (ClassWeights is not null)
        {
            weight = 0;
            for (int c = 0; c < target.Length; c++)
            {
                weight += target[c] * ClassWeights[c];
            }
        }

        foreach (ref float part in target)
        {
            part = weight * ((1 - smoothing) * part + smoothing / target.Length);
        }
    }

    /// <summary>Room for one batch.</summary>
    private sealed class Buffers(int batch, int classes)
    {
        public byte[] Images { get; } = new byte[batch * CnnArchitecture.ImageBytes];

        public int[] Labels { get; } = new int[batch];

        public float[] Targets { get; } = new float[batch * classes];

        public byte[] Other { get; } = new byte[CnnArchitecture.ImageBytes];
    }
}
