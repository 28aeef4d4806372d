namespace Cifar3.Training;

/// <summary>
/// The exponential moving average of the weights over the steps, which generalizes better than the last step's (Polyak and Juditsky 1992; Keras'
/// <c>use_ema</c> and <c>ema_momentum</c>). Lives beside the engine: every engine gives its weights, none averages them.
/// </summary>
/// <remarks>
/// average += (1 − m)·(weights − average) after every step, a form in which weights that do not change (frozen ones) keep their bits. In the first steps m is at most (1 + t)/(10 + t), as in TensorFlow's
/// ExponentialMovingAverage: random initial weights would else stay in the average of a short training.
/// </remarks>
internal sealed class AveragedWeights
{
    private readonly double momentum;
    private readonly float[] current;
    private readonly IReadOnlyList<WeightTensor> layout;

    /// <param name="momentum">m, at least 0 and below 1.</param>
    /// <param name="initial">The weights to start from.</param>
    /// <param name="steps">Steps averaged so far.</param>
    public AveragedWeights(double momentum, IReadOnlyList<WeightTensor> initial, long steps = 0)
    {
        (this.momentum, layout, Steps) = (momentum, initial, steps);
        Values = [.. initial.SelectMany(tensor => tensor.ToArray())];
        current = new float[Values.Length];
    }

    /// <summary>Number of steps averaged.</summary>
    public long Steps { get; private set; }

    /// <summary>The average, all weights one after the other.</summary>
    public float[] Values { get; }

    /// <summary>Takes the engine's weights in, after a step.</summary>
    public void Add(ITrainingEngine engine)
    {
        engine.ReadWeights(current);
        float added = 1 - (float)Math.Min(momentum, (1.0 + Steps) / (10.0 + Steps));
        for (int i = 0; i < Values.Length; i++)
        {
            Values[i] += added * (current[i] - Values[i]);
        }

        Steps++;
    }

    /// <summary>The average as the model's tensors.</summary>
    public IReadOnlyList<WeightTensor> ToTensors() => Tensors(Values, layout);

    /// <summary>All weights one after the other as tensors.</summary>
    /// <param name="values">The numbers; they are copied.</param>
    /// <param name="layout">Names and shapes in this order.</param>
    public static IReadOnlyList<WeightTensor> Tensors(float[] values, IReadOnlyList<WeightTensor> layout)
    {
        var tensors = new List<WeightTensor>(layout.Count);
        int at = 0;
        foreach (var tensor in layout)
        {
            tensors.Add(new WeightTensor(tensor.Name, tensor.Shape, values[at..(at + tensor.Count)]));
            at += tensor.Count;
        }

        return tensors;
    }
}
