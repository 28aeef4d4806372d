using System.Globalization;

namespace Cifar3.Training;

public sealed partial class Cifar3CnnTrainer
{
    /// <summary>Which images were measured.</summary>
    public enum Dataset
    {
        /// <summary>The training images.</summary>
        Train,

        /// <summary>The validation images.</summary>
        Validation,
    }

    /// <summary>What <see cref="Options.MetricsCallback"/> is told. A new object each time: it may be kept.</summary>
    /// <param name="Train">The numbers.</param>
    public sealed record ImageClassificationMetrics(TrainMetrics Train)
    {
        /// <summary>One line, such as <c>Phase: Training, Dataset used: Train, Batch Processed Count: 118, Epoch: 1, Accuracy: 0.67, Cross-Entropy: 0.89, Learning Rate: 0.001</c>.</summary>
        /// <returns>The numbers as ML.NET writes them.</returns>
        public override string ToString() => Train.ToString();
    }

    /// <summary>What one epoch measured on one set of images.</summary>
    /// <param name="DatasetUsed">Which images.</param>
    /// <param name="BatchProcessedCount">Number of batches that the set was cut into.</param>
    /// <param name="Epoch">Number of the epoch, from 1. (ML.NET: from 0.)</param>
    /// <param name="Accuracy">Share of images classified correctly, 0 to 1.</param>
    /// <param name="CrossEntropy">Mean cross-entropy (nats).</param>
    /// <param name="LearningRate">The learning rate of the epoch's last step.</param>
    public sealed record TrainMetrics(Dataset DatasetUsed, int BatchProcessedCount, int Epoch, float Accuracy, float CrossEntropy, float LearningRate)
    {
        /// <inheritdoc cref="ImageClassificationMetrics.ToString"/>
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"Phase: Training, Dataset used: {DatasetUsed}, Batch Processed Count: {BatchProcessedCount}, Epoch: {Epoch}, Accuracy: {Accuracy}, Cross-Entropy: {CrossEntropy}, Learning Rate: {LearningRate}");
    }
}
