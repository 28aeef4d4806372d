namespace Cifar3.Training;

/// <summary>Tells the user's callback what each epoch measured, in new objects each time.</summary>
internal sealed class MetricsReport(Action<Cifar3CnnTrainer.ImageClassificationMetrics> report, bool includeTrainSet) : Callback
{
    /// <inheritdoc/>
    public override void OnEpochEnd(TrainingContext context, EpochLog log)
    {
        if (includeTrainSet)
        {
            Report(Cifar3CnnTrainer.Dataset.Train, context.TrainImages, log.Accuracy, log.Loss);
        }

        if (log is { ValAccuracy: { } accuracy, ValLoss: { } loss })
        {
            Report(Cifar3CnnTrainer.Dataset.Validation, context.ValidationImages, accuracy, loss);
        }

        void Report(Cifar3CnnTrainer.Dataset dataset, int images, double accuracy, double loss)
        {
            int batches = (images + context.BatchSize - 1) / context.BatchSize;
            report(new(new(dataset, batches, log.Epoch, (float)accuracy, (float)loss, (float)log.LearningRate)));
        }
    }
}
