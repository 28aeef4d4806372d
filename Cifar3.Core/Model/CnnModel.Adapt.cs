namespace Cifar3;

public sealed partial class CnnModel
{
    /// <summary>Share of the validation images that <see cref="ModelMetadata.FamiliarityThreshold"/> keeps: 0.95.</summary>
    public const double FamiliarShare = 0.95;

    private const double LowestTemperature = 1e-3, HighestTemperature = 1e3;

    /// <summary>The model that travels in this library: aeroplane, car or bird. To score with it call <see cref="Cifar3Classifier.LoadDefault"/>; to teach it other classes, <see cref="WithClasses"/>.</summary>
    /// <returns>The model of <c>assets/cifar3.onnx</c>, whose card is <c>assets/README.md</c>.</returns>
    public static CnnModel LoadDefault() => LoadOnnx(ShippedModel.Read());

    /// <summary>
    /// The same network for other classes: a new dense layer, glorot-uniform from the seed, everything before it kept. Train it on images of those classes
    /// as the trainer's <c>InitialModel</c>, with all layers or with some frozen.
    /// </summary>
    /// <remarks>
    /// Transfer learning: layers that were trained on many images see more than the few of a new task could teach them (Yosinski et al. 2014,
    /// <see href="https://arxiv.org/abs/1411.1792"/>). What metadata tell of the old classes (accuracy, history, temperature, familiarity) is dropped.
    /// </remarks>
    /// <param name="classNames">The new classes' names, 2 to 100; their order gives the labels. Those of the images: <c>data.ClassNames</c>.</param>
    /// <param name="seed">The seed of the new layer's weights; the same seed gives the same bits everywhere. Default: 0.</param>
    /// <returns>A new model, to be trained before it is of use.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer than 2 or more than 100 names.</exception>
    /// <exception cref="Cifar3ModelException">A class has no name, or two have the same.</exception>
    /// <example><code>
    /// var start = CnnModel.LoadDefault().WithClasses(data.ClassNames, seed: 1);
    /// var result = new Cifar3Trainer(new TrainerOptions { InitialModel = start, Seed = 1 }).Fit(data.Train, validation);
    /// </code></example>
    public CnnModel WithClasses(IEnumerable<string> classNames, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        string[] names = [.. classNames];
        var architecture = new CnnArchitecture(names.Length, Architecture.Filters, Architecture.DropoutRates, Architecture.BatchNormalizationMomentum, Architecture.BatchNormalizationEpsilon);
        var fresh = Create(names, architecture, seed);
        return new CnnModel(architecture, [.. fresh.Weights.Select(weight => IsDense(weight) ? weight : this[weight.Name])], fresh.Metadata);
    }

    /// <summary>The same model with its classes in another order and under other names; nothing else of it changes.</summary>
    /// <param name="classNames">The names in the new order.</param>
    /// <param name="places">For each the index of its class in this model: all of them, each once.</param>
    internal CnnModel WithOrder(IEnumerable<string> classNames, int[] places)
    {
        return With(WithDense(Reordered), Metadata with { ClassNames = [.. classNames] });

        float[] Reordered(float[] values) => [.. values.Select((_, i) => values[i - i % places.Length + places[i % places.Length]])]; // kernel (in, out) and bias (out): outputs come last
    }

    /// <summary>The same model with softer (above 1) or sharper (below 1) probabilities: every logit divided by the temperature. No prediction changes, only how sure it is.</summary>
    /// <remarks>Folded into the dense layer, kernel and bias divided, which is the same: every runtime that scores the model has it.</remarks>
    /// <param name="temperature">0.001 to 1,000: what is beyond would leave weights of 0 or infinity.</param>
    /// <returns>A new model; <see cref="ModelMetadata.Temperature"/> tells the product with an earlier one. The familiarity's threshold, which was of other logits, is dropped.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is outside its range.</exception>
    public CnnModel WithTemperature(double temperature)
    {
        if (temperature is not (>= LowestTemperature and <= HighestTemperature))
        {
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, FormattableString.Invariant($"The temperature must be {LowestTemperature} to {HighestTemperature:N0}; trained networks need 0.5 to 5. Received: temperature={temperature}."));
        }

        var weights = WithDense(values => Array.ConvertAll(values, value => (float)(value / temperature)));
        return With(weights, Metadata with { Temperature = temperature * (Metadata.Temperature ?? 1), FamiliarityThreshold = null });
    }

    /// <summary>
    /// Fits on images that were not trained on: the temperature at which probabilities tell how often the model is right, folded into the dense
    /// layer, and the familiarity that <see cref="FamiliarShare"/> of them reach. The trainers call it with their validation
    /// images, unless their settings say otherwise.
    /// </summary>
    /// <remarks>
    /// Temperature: Guo et al. 2017, <see href="https://arxiv.org/abs/1706.04599"/>; it stays 1 where the model recognises every image, which tells nothing
    /// about how sure to be. Familiarity: ln Σ exp(logit), the negative energy of Liu et al. 2020, <see href="https://arxiv.org/abs/2010.03759"/>.
    /// A few hundred images are enough for both.
    /// </remarks>
    /// <param name="validation">Images of the model's classes, in its order.</param>
    /// <returns>A new model that gives the same labels.</returns>
    /// <exception cref="Cifar3DataException">There are no images, or they have other classes.</exception>
    public CnnModel Calibrate(ImageSet validation)
    {
        ArgumentNullException.ThrowIfNull(validation);
        if (validation.Count == 0 || !validation.ClassNames.SequenceEqual(ClassNames))
        {
            throw new Cifar3DataException($"Cannot calibrate: expected images of the classes {Shown.Names(ClassNames)}, found {validation}. Load them with the model's classes, in its order.");
        }

        var (probabilities, _) = Score(validation);
        var calibrated = WithTemperature(TemperatureScaling.Fit(probabilities, validation.Labels));
        var (_, familiarity) = calibrated.Score(validation);
        Array.Sort(familiarity);
        double threshold = familiarity[(int)((1 - FamiliarShare) * familiarity.Length)];
        return calibrated.With(calibrated.Metadata with { FamiliarityThreshold = double.IsFinite(threshold) ? threshold : null }); // none of weights that diverged
    }

    private bool IsDense(WeightTensor weight) => weight.Name.StartsWith(Layers[^1].Name + "/", StringComparison.Ordinal);

    /// <summary>The weights with other values in the dense layer's kernel and bias.</summary>
    private IEnumerable<WeightTensor> WithDense(Func<float[], float[]> change) =>
        Weights.Select(weight => IsDense(weight) ? new WeightTensor(weight.Name, weight.Shape, change(weight.ToArray())) : weight);

    /// <summary>Probabilities [N, classes] and familiarities [N].</summary>
    private (float[] Probabilities, float[] Familiarity) Score(ImageSet images)
    {
        int classes = Architecture.Classes, width = classes + 1;
        var rows = new float[images.Count * width];
        using (var scorer = new ManagedScorer(this, familiarity: true))
        {
            scorer.Score(images.Pixels, rows);
        }

        var (probabilities, familiarity) = (new float[images.Count * classes], new float[images.Count]);
        for (int i = 0; i < images.Count; i++)
        {
            rows.AsSpan(i * width, classes).CopyTo(probabilities.AsSpan(i * classes));
            familiarity[i] = rows[i * width + classes];
        }

        return (probabilities, familiarity);
    }
}
