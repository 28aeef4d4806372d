// A program that has SkiaSharp 3, beside which ML.NET's own MLImage.Pixels throws: Cifar3 reads its images and draws its pictures all the same.
using Cifar3;
using Cifar3.Training;
using Microsoft.ML.Data;

Console.WriteLine($"SkiaSharp {typeof(SkiaSharp.SKBitmap).Assembly.GetName().Version!.Major}");
var pixels = new byte[32 * 32 * 4];
Random.Shared.NextBytes(pixels);
for (int i = 3; i < pixels.Length; i += 4)
{
    pixels[i] = 255;
}

using var image = MLImage.CreateFromPixels(32, 32, MLPixelFormat.Rgba32, pixels);
try
{
    Console.WriteLine(image.Pixels.Length);
}
catch (MissingMethodException e)
{
    Console.WriteLine($"ML.NET: {e.Message}");
}

using var classifier = Cifar3Classifier.LoadDefault();
byte[] rgb = [.. pixels.Where((_, i) => i % 4 != 3)];
Console.WriteLine($"same {classifier.Predict(image).Probabilities.SequenceEqual(classifier.PredictPixels(rgb).Probabilities)}");

var set = Cifar3Data.Synthetic(trainCount: 6, testCount: 3, seed: 1).Test;
var predictions = classifier.PredictBatch(set);
ExampleGrid.Save("grid.png", set, predictions, "three images");
ConfusionMatrixPlot.Save("matrix.png", ClassificationReport.Create(set, predictions), "confusion");
TrainingCurves.Save("curves.png", new Cifar3Trainer(new TrainerOptions { Epoch = 1 }).Fit(set).History);
Console.WriteLine($"decoded {classifier.Predict("grid.png").Label.Length > 0}");
