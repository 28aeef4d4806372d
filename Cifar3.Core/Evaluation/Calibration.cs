using System.Collections.Immutable;

namespace Cifar3;

/// <summary>The images whose confidence lies in one interval: how sure the model was of them, and how often it was right.</summary>
/// <param name="Lower">Lower end of the interval of confidences, left out.</param>
/// <param name="Upper">Upper end, included.</param>
/// <param name="Count">Number of images.</param>
/// <param name="Confidence">Mean confidence of these images, 0 to 1; 0 where there are none.</param>
/// <param name="Accuracy">Share of these images that were recognised, 0 to 1; 0 where there are none.</param>
public sealed record ReliabilityBin(double Lower, double Upper, int Count, double Confidence, double Accuracy);

/// <summary>Whether a model is as often right as it says: of the images that it is 90 % sure of, 90 % should be what it says.</summary>
/// <remarks>Guo et al. 2017, <see href="https://arxiv.org/abs/1706.04599"/>, section 2.</remarks>
public sealed class Calibration
{
    /// <summary>Number of intervals of equal width: 15, as in the paper.</summary>
    public const int BinCount = 15;

    internal Calibration(IReadOnlyList<Prediction> predictions, ReadOnlySpan<int> labels)
    {
        var count = new int[BinCount];
        var correct = new int[BinCount];
        var confidence = new double[BinCount];
        double squares = 0;
        for (int i = 0; i < predictions.Count; i++)
        {
            var prediction = predictions[i];
            int bin = Math.Clamp((int)Math.Ceiling((double)prediction.Confidence * BinCount) - 1, 0, BinCount - 1);
            count[bin]++;
            correct[bin] += prediction.LabelIndex == labels[i] ? 1 : 0;
            confidence[bin] += prediction.Confidence;
            for (int c = 0; c < prediction.Probabilities.Length; c++)
            {
                double error = prediction.Probabilities[c] - (c == labels[i] ? 1 : 0);
                squares += error * error;
            }
        }

        Bins = [.. Enumerable.Range(0, BinCount).Select(b => new ReliabilityBin((double)b / BinCount, (b + 1.0) / BinCount, count[b], confidence[b] / Math.Max(1, count[b]), (double)correct[b] / Math.Max(1, count[b])))];
        ExpectedCalibrationError = Bins.Sum(bin => bin.Count * Math.Abs(bin.Accuracy - bin.Confidence)) / predictions.Count;
        BrierScore = squares / predictions.Count;
    }

    /// <summary>The 15 intervals of confidence, from 0 to 1.</summary>
    public ImmutableArray<ReliabilityBin> Bins { get; }

    /// <summary>ECE: the mean over images of |accuracy − mean confidence| of their interval, 0 (best) to 1.</summary>
    public double ExpectedCalibrationError { get; }

    /// <summary>Mean over images of Σ (probability − (1 for the true class, 0 for others))², 0 (best) to 2, as scikit-learn's <c>brier_score_loss</c> of several classes (Brier 1950).</summary>
    public double BrierScore { get; }

    /// <summary>Both numbers, such as <c>ECE 0.0080, Brier 0.0500</c>.</summary>
    /// <returns>One line.</returns>
    public override string ToString() => FormattableString.Invariant($"ECE {ExpectedCalibrationError:F4}, Brier {BrierScore:F4}");
}
