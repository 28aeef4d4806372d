// A user's program on ML.NET alone: loads model.zip and scores the pictures of a folder.
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

var context = new MLContext();
var model = context.Model.Load(args[0], out _);
var files = context.Data.LoadFromEnumerable(Directory.GetFiles(args[1]).Order(StringComparer.Ordinal).Select(file => new Picture { File = file }));
var images = context.Transforms.LoadImages("Loaded", null, "File").Append(context.Transforms.ResizeImages("Image", 32, 32, "Loaded", ImageResizingEstimator.ResizingKind.Fill));
foreach (float[] scores in model.Transform(images.Fit(files).Transform(files)).GetColumn<float[]>("Score"))
{
    Console.WriteLine($"scores {string.Join(' ', scores.Select(p => p.ToString("R", CultureInfo.InvariantCulture)))}");
}

Console.WriteLine($"Cifar3 loaded: {AppDomain.CurrentDomain.GetAssemblies().Any(assembly => assembly.GetName().Name!.StartsWith("Cifar3", StringComparison.Ordinal))}");

internal sealed class Picture
{
    public string File { get; set; } = "";
}
