// A user's program on the package Cifar3: trains as an ML.NET estimator, saves ONNX and model.zip, scores the pictures of a folder.
using System.Globalization;
using Cifar3;
using Cifar3.Training;
using Microsoft.ML;

var data = Cifar3Data.Synthetic(trainCount: 96, testCount: 12, seed: 1);
var train = data.Train.ToDataView();
var context = new MLContext(seed: 1);
using var model = context.MulticlassClassification.Trainers.Cifar3Cnn(new Cifar3CnnTrainer.Options { FeatureColumnName = "Image", Epoch = 1, BatchSize = 32, Seed = 1 }).Fit(train);
model.Model.SaveOnnx("model.onnx");
context.Model.Save(model, train.Schema, "model.zip");

// On ONNX Runtime, which model.zip is scored with too; the shipped model below is scored by the library's own kernels.
using var classifier = Cifar3Classifier.Load("model.onnx", new ClassifierOptions { Backend = ScoringBackend.OnnxRuntime });
foreach (string picture in Directory.GetFiles(args[0]).Order(StringComparer.Ordinal))
{
    Console.WriteLine($"scores {string.Join(' ', classifier.Predict(picture).Probabilities.Select(p => p.ToString("R", CultureInfo.InvariantCulture)))}");
}

using var shipped = Cifar3Classifier.LoadDefault();
Console.WriteLine($"shipped {shipped.PredictPixels(data.Test.Image(0)).Label}");
