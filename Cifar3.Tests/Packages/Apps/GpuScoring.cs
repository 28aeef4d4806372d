// An app with the package Cifar3.Gpu: what there is, what scores, and what CUDA says when it is asked for. A test compares the lines.
using Cifar3;

Console.Write(Cifar3Classifier.Diagnose());

using var classifier = Cifar3Classifier.LoadDefault();
Console.WriteLine($"backend {classifier.Backend}");
Console.WriteLine($"device {classifier.Device}");
Console.WriteLine($"reason {classifier.FallbackReason}");
Console.WriteLine($"label {classifier.PredictPixels(new byte[3072]).Label}");

var model = CnnModel.Create(["a", "b", "c"], filters: [4, 4, 4]);
using var runtime = Cifar3Classifier.Load(model.ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized }));
Console.WriteLine($"optimized {runtime.Backend} {runtime.PredictPixels(new byte[3072]).Probabilities.Sum():F3}");

try
{
    using var cuda = Cifar3Classifier.LoadDefault(new ClassifierOptions { Backend = ScoringBackend.Cuda });
    Console.WriteLine($"cuda {cuda.PredictPixels(new byte[3072]).Label} {cuda.Device}");
}
catch (Cifar3Exception e)
{
    Console.WriteLine($"cuda refused {e.Message}");
}
