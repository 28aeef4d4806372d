// A plain ML.NET program, without Cifar3: loads the model.zip that TrainAndExport saved and says what pictures show.
//   dotnet run -c Release --project samples/MlNetPipeline -- model.zip photo.jpg other.png
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Transforms.Image;

if (args.Length < 2)
{
    Console.Error.WriteLine("Usage: MlNetPipeline model.zip PICTURE...");
    return 1;
}

if (args.FirstOrDefault(file => !File.Exists(file)) is { } missing)
{
    Console.Error.WriteLine($"There is no file '{missing}'.");
    return 1;
}

var context = new MLContext();
var model = context.Model.Load(args[0], out _);
var files = context.Data.LoadFromEnumerable(args.Skip(1).Select(file => new Picture { File = file }));
var images = context.Transforms.LoadImages("Loaded", imageFolder: null, inputColumnName: nameof(Picture.File))
    .Append(context.Transforms.ResizeImages("Image", 32, 32, "Loaded", ImageResizingEstimator.ResizingKind.Fill));
var scored = model.Transform(images.Fit(files).Transform(files));

foreach (var row in context.Data.CreateEnumerable<Scored>(scored, reuseRowObject: false))
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.PredictedLabelValue}  {100 * row.Score.Max():F1} %  {row.File}"));
}

return 0;

internal sealed class Picture
{
    public string File { get; set; } = "";
}

internal sealed class Scored
{
    public string File { get; set; } = "";

    public string PredictedLabelValue { get; set; } = "";

    public float[] Score { get; set; } = [];
}
