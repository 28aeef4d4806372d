// A user's program on the package Cifar3: trains, saves, scores, and prints what it found.
using System.Globalization;
using Cifar3;
using Cifar3.Training;

var data = Cifar3Data.Synthetic(trainCount: 96, testCount: 12, seed: 1);
var result = new Cifar3Trainer(new TrainerOptions { Epoch = 1, BatchSize = 32, Seed = 1 }).Fit(data.Train, data.Test);
result.BestModel.SaveOnnx("model.onnx");
TrainingCurves.Save("curves.png", result.History);

using var classifier = Cifar3Classifier.Load("model.onnx");
foreach (var prediction in classifier.PredictBatch(data.Test))
{
    Console.WriteLine($"scores {string.Join(' ', prediction.Probabilities.Select(p => p.ToString("R", CultureInfo.InvariantCulture)))}");
}

using var shipped = Cifar3Classifier.LoadDefault();
Console.WriteLine($"shipped {shipped.PredictPixels(data.Test.Image(0)).Label}");
