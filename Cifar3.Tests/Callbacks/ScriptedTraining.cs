using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Leads callbacks through epochs with given metrics, without training.</summary>
internal static class ScriptedTraining
{
    /// <summary>A training in which every epoch moves one weight, so that models of different epochs differ.</summary>
    public static TrainingContext Context(int epochs = 100, bool validation = true, int images = 100, LearningRateScheduler? schedule = null, bool recompute = true, params Augmentation[] augmentations)
    {
        var model = CnnModel.Create(ColourImages.ClassNames, filters: FakeEngine.Filters);
        var options = new TrainerOptions { Recipe = Recipe.Keras, Epoch = epochs, BatchSize = 32, LearningRateScheduler = schedule, Augmentations = augmentations, RecomputeStatistics = recompute }; // mostly no lag to wait for
        var set = ColourImages.Create(images);
        return new TrainingContext(options, TrainingPlan.Create(options, images), model, new FakeEngine(model, new EngineOptions()), set, validation ? set : null);
    }

    /// <summary>Runs epochs of these validation accuracies until a callback stops; returns the number of epochs run.</summary>
    public static int Run(this TrainingContext context, IEnumerable<double> valAccuracies, params Callback[] callbacks)
    {
        foreach (var callback in callbacks)
        {
            callback.OnTrainBegin(context);
        }

        foreach (double accuracy in valAccuracies)
        {
            context.Epoch(accuracy, callbacks);
            if (context.StopReason is not null)
            {
                break;
            }
        }

        foreach (var callback in callbacks)
        {
            callback.OnTrainEnd(context);
        }

        return context.History.Epochs.Length;
    }

    /// <summary>One epoch: its weights are recognisable by <see cref="Mark"/>.</summary>
    public static void Epoch(this TrainingContext context, double valAccuracy, params Callback[] callbacks)
    {
        int epoch = context.History.Epochs.Length + 1;
        var weights = context.Model.Weights.Select(w => w.Name == "dense/bias" ? new WeightTensor(w.Name, w.Shape, [epoch, 0, 0]) : w);
        context.SetWeights(context.Model.With(weights));
        context.WeightsChanged();
        var log = new EpochLog(epoch, 1 - valAccuracy, valAccuracy, 1 - valAccuracy, valAccuracy, 1e-3, 1);
        context.History = new History(context.History.Epochs.Add(log));
        foreach (var callback in callbacks)
        {
            callback.OnEpochEnd(context, log);
        }
    }

    /// <summary>The epoch whose weights a model holds.</summary>
    public static int Mark(this CnnModel model) => (int)model["dense/bias"].Values[0];
}
