using System.Text.Json.Serialization;

namespace Cifar3;

/// <summary>What one epoch of training measured: Keras' log line as a record.</summary>
/// <param name="Epoch">Number of the epoch, from 1.</param>
/// <param name="Loss">Mean categorical cross-entropy over the epoch's batches, in training mode (nats).</param>
/// <param name="Accuracy">Share of training images classified correctly, in training mode, 0 to 1.</param>
/// <param name="ValLoss">Mean cross-entropy on the validation images in inference mode; null without validation.</param>
/// <param name="ValAccuracy">Share of validation images classified correctly, 0 to 1; null without validation.</param>
/// <param name="LearningRate">Adam's learning rate at the end of the epoch.</param>
/// <param name="Seconds">Wall time of the epoch, validation included. Not part of any hash: it differs from run to run.</param>
public sealed record EpochLog(int Epoch, double Loss, double Accuracy, double? ValLoss, double? ValAccuracy, double LearningRate, double Seconds)
{
    /// <summary>Share of the validation images classified correctly, 0 to 1, where each counts by the class weight that the training gave it: with balanced weights the mean of the classes' recalls. Null without validation or class weights.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] // most trainings have none, and their files say nothing of it
    public double? ValWeightedAccuracy { get; init; }
}
