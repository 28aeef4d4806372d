namespace Cifar3.Training;

public sealed partial class Cifar3CnnTrainer
{
    /// <summary>The metric that early stopping watches.</summary>
    public enum EarlyStoppingMetric
    {
        /// <summary>Share of correct images; higher is better.</summary>
        Accuracy,

        /// <summary>Mean cross-entropy; lower is better.</summary>
        Loss,
    }

    /// <summary>
    /// Stops a training when a metric no longer improves: of the validation images, or of the training images where there are none.
    /// The fitted model is that of the best epoch, without validation images that of the last one. (ML.NET: EarlyStopping.)
    /// </summary>
    /// <remarks>
    /// Immutable and without state: one instance serves any number of trainings. As <see cref="EarlyStopping"/> it stops none whose learning rate falls until the last epoch, such as the default
    /// recipe's.
    /// </remarks>
    public sealed record EarlyStoppingCriterion
    {
        /// <summary>Creates the criterion.</summary>
        /// <param name="minDelta">The smallest change that counts as improvement, 0 or more. Default: 0. (ML.NET: 0.01.)</param>
        /// <param name="patience">Number of epochs without improvement after which training stops, 0 or more. Default: 3. (ML.NET: 20.)</param>
        /// <param name="metric">What to watch. Default: <see cref="EarlyStoppingMetric.Accuracy"/>. (ML.NET: Accuracy.)</param>
        /// <exception cref="ArgumentOutOfRangeException">A number is negative or NaN, or the metric is unknown.</exception>
        public EarlyStoppingCriterion(float minDelta = 0, int patience = 3, EarlyStoppingMetric metric = EarlyStoppingMetric.Accuracy)
        {
            MetricMonitor.RefuseNaN(minDelta);
            ArgumentOutOfRangeException.ThrowIfNegative(minDelta);
            ArgumentOutOfRangeException.ThrowIfNegative(patience);
            Defined.Value(metric, "There is no such metric.");
            (MinDelta, Patience, Metric) = (minDelta, patience, metric);
        }

        /// <summary>The smallest change that counts as improvement.</summary>
        public float MinDelta { get; }

        /// <summary>Number of epochs without improvement after which training stops.</summary>
        public int Patience { get; }

        /// <summary>What is watched.</summary>
        public EarlyStoppingMetric Metric { get; }

        /// <param name="accuracy">The metric that tells which epoch is the best.</param>
        /// <param name="loss">The loss on the same images.</param>
        internal Callback ToCallback(string accuracy, string loss) => new EarlyStopping(Metric == EarlyStoppingMetric.Accuracy ? accuracy : loss, Patience, MinDelta) { IsAskedFor = false };
    }
}
