namespace Cifar3.Benchmarks;

/// <summary>The ways to quantize, side by side: calibration, and which layers.</summary>
internal static class Int8Choices
{
    public static void Print(ScoreModels models, ImageData data)
    {
        var options = new OnnxExportOptions { Flavor = OnnxFlavor.Int8, CalibrationImages = data.Train, ReduceRange = false };
        (string Name, OnnxExportOptions Options)[] choices =
        [
            ("percentile 99.9", options with { CalibrationPercentile = 99.9 }),
            ("percentile 99.99", options with { CalibrationPercentile = 99.99 }),
            ("percentile 99.999", options with { CalibrationPercentile = 99.999 }),
            ("percentile 99.999, weights of 7 bits", options with { ReduceRange = true }),
            ("min-max", options with { CalibrationMethod = CalibrationMethod.MinMax }),
            ("entropy", options with { CalibrationMethod = CalibrationMethod.Entropy }),
            ("min-max, last layer too", options with { CalibrationMethod = CalibrationMethod.MinMax, QuantizeLastLayer = true }),
            ("min-max, first layer in float32", options with { CalibrationMethod = CalibrationMethod.MinMax, QuantizeFirstLayer = false }),
        ];
        List<(string, Cifar3Classifier)> classifiers = [.. choices.Select(choice => ($"int8: {choice.Name}", models.Load(choice.Options)))];
        ScoreAgreement.Print(models, data.Test, [("fp32", models.Keras), .. classifiers]);
        classifiers.ForEach(pair => pair.Item2.Dispose());
    }
}
