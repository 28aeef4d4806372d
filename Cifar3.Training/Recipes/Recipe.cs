using System.Collections.Immutable;
using System.ComponentModel;
using System.Globalization;

namespace Cifar3.Training;

/// <summary>
/// A named set of training settings: how long, how fast, how much regularization. A trainer's options take every value that they are not given
/// from their recipe, and the model's metadata name it.
/// </summary>
/// <remarks>Immutable and safe to share between threads; use <c>with</c> for a recipe of your own. A program's configuration names one of <see cref="All"/>.</remarks>
[TypeConverter(typeof(RecipeByName))]
public sealed record Recipe
{
    private static readonly ImmutableArray<Augmentation> FlipShiftCutout = [new RandomFlip(), new RandomTranslation(4), new Cutout(12)];

    /// <summary>
    /// The published recipe of the Keras notebook, to compare with Keras: Adam 0.001, batch 128, 10 epochs, dropout 0.5, moving statistics as Keras
    /// leaves them. It is made for 15,000 images; on a small set its validation lags hundreds of steps behind, as in Keras.
    /// </summary>
    public static Recipe Keras { get; } = new()
    {
        Name = "keras",
        Epoch = 10,
        BatchSize = 128,
        LearningRate = 1e-3f,
        DropoutRates = [0.5, 0.5, 0.5],
        RecomputeStatistics = false,
        Calibrate = false,
    };

    /// <summary>The best model that 15,000 images give in five minutes on two processor cores with AVX2.</summary>
    public static Recipe Fast { get; } = new()
    {
        Name = "fast",
        ImagesShown = 350_000,
        LearningRate = 3e-3f,
        LearningRateScheduler = new OneCycle(),
        WeightDecay = 0.05f,
        LabelSmoothing = 0.1f,
        DropoutRates = [0.1, 0.1, 0.1],
        Augmentations = FlipShiftCutout,
        EmaMomentum = 0.998,
    };

    /// <summary>The best model, where a training may take longer: the shipped model's recipe.</summary>
    public static Recipe Best { get; } = Fast with { Name = "best", Epoch = 150 };

    /// <summary>
    /// The default: as much as a few minutes give on any set of images, from a hundred to many thousands. Batch size and epochs follow from the number
    /// of images; AdamW with one cycle of the learning rate, flips, shifts, changed colours, cutout, averaged weights.
    /// </summary>
    public static Recipe Auto { get; } = Fast with { Name = "auto", ImagesShown = 200_000, Augmentations = [new RandomFlip(), new RandomTranslation(4), new ColorJitter(), new Cutout(12)] };

    /// <summary>The recipes by name.</summary>
    public static IReadOnlyList<Recipe> All { get; } = [Auto, Keras, Fast, Best];

    /// <summary>What the recipe is called; written into the model's metadata.</summary>
    public required string Name { get; init; }

    /// <summary>Number of passes over the training images, 1 to 100,000; null = from <see cref="ImagesShown"/>. Default: null.</summary>
    public int? Epoch { get; init; }

    /// <summary>
    /// Where <see cref="Epoch"/> is null: how many images a training shows in all its epochs together, which is what its time depends on: the epochs are
    /// this number over that of the training images, 10 to 150. Default: 200,000.
    /// </summary>
    public int ImagesShown { get; init; } = 200_000;

    /// <summary>Images in a training step, 1 to 1,024; null = about a fortieth of the training images, a power of 2 from 16 to 64: steps teach, and small sets need enough of them. Default: null.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Adam's learning rate, above 0; with a <see cref="LearningRateScheduler"/> its highest. Default: 0.001.</summary>
    public float LearningRate { get; init; } = 1e-3f;

    /// <summary>How the learning rate changes over the steps; null = not at all. Default: null.</summary>
    public LearningRateScheduler? LearningRateScheduler { get; init; }

    /// <summary>Decoupled weight decay of the kernels, 0 or more (AdamW, <see href="https://arxiv.org/abs/1711.05101"/>). Default: 0.</summary>
    public float WeightDecay { get; init; }

    /// <summary>Share of each label that is spread over all classes, at least 0 and below 1 (<see href="https://arxiv.org/abs/1512.00567"/>, section 7). Default: 0.</summary>
    public float LabelSmoothing { get; init; }

    /// <summary>Share of activations dropped after each of the three blocks, each in [0, 1). Default: 0.5 each.</summary>
    public ImmutableArray<double> DropoutRates { get; init; } = [0.5, 0.5, 0.5];

    /// <summary>What training images are changed by each time they are shown. <see cref="RandomFlip"/> is left out where classes are each other's mirror images, <see cref="ColorJitter"/> where light alone tells them apart. Default: none.</summary>
    public ImmutableArray<Augmentation> Augmentations { get; init; } = [];

    /// <summary>Momentum of the averaged weights that are validated and kept, below 1, Keras' <c>ema_momentum</c>; null or 0 = no averaging. Default: null.</summary>
    public double? EmaMomentum { get; init; }

    /// <summary>
    /// Whether batch normalization's statistics are computed anew over training images before each validation, so that no epoch's model suffers from
    /// statistics that lag behind its weights (<see href="https://pytorch.org/docs/stable/optim.html">update_bn</see>). Default: true.
    /// </summary>
    public bool RecomputeStatistics { get; init; } = true;

    /// <summary>Whether the best model is calibrated on the validation images, where there are 100 or more, when the training ends (<see cref="CnnModel.Calibrate"/>). Default: true.</summary>
    public bool Calibrate { get; init; } = true;

    /// <summary>The recipe in words for 15,000 images, such as <c>keras: Adam 0.001, batch 128, 10 epochs, dropout 0.5/0.5/0.5</c>.</summary>
    /// <returns>One line.</returns>
    public override string ToString() => TrainingPlan.Create(new TrainerOptions { Recipe = this }, 15_000).ToString();

    /// <summary>A recipe by its name.</summary>
    /// <param name="name">One of <see cref="All"/>'s names, in any case.</param>
    /// <returns>The recipe.</returns>
    /// <exception cref="ArgumentException">There is none of that name: the message lists them.</exception>
    public static Recipe Named(string name) => All.FirstOrDefault(recipe => recipe.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"There is no recipe '{Shown.Text(name)}'. Expected one of: {string.Join(", ", All.Select(recipe => recipe.Name))}.", nameof(name));

    /// <summary>Epochs for a number of training images.</summary>
    internal int EpochsFor(int images) => Epoch ?? (int)Math.Clamp(ImagesShown / Math.Max(images, 1), 10, 150);

    /// <summary>Images a step for a number of training images.</summary>
    internal int BatchSizeFor(int images)
    {
        if (BatchSize is { } given)
        {
            return given;
        }

        int batch = 16;
        while (batch < 64 && images / (2 * batch) >= 40)
        {
            batch *= 2;
        }

        return batch;
    }
}

/// <summary>A recipe as a configuration names it, which its binder would else leave out without a word.</summary>
internal sealed class RecipeByName : TypeConverter
{
    public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) => sourceType == typeof(string);

    public override object ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) => Recipe.Named((string)value);
}
