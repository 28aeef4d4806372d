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
ITransformer model;
try
{
    model = context.Model.Load(args[0], out _);
}
catch (Exception e) when (e is FormatException or InvalidOperationException or ArgumentException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"Cannot load '{args[0]}': {e.Message.TrimEnd('.')}. Expected a model.zip as TrainAndExport saves it.");
    return 1;
}

PredictionEngine<Picture, Scored> engine;
try
{
    var none = context.Data.LoadFromEnumerable<Picture>([]);
    var scored = context.Transforms.LoadImages("Loaded", imageFolder: null, inputColumnName: nameof(Picture.File))
        .Append(context.Transforms.ResizeImages("Image", 32, 32, "Loaded", ImageResizingEstimator.ResizingKind.Fill))
        .Fit(none).Append(model);
    var names = context.Transforms.Conversion.MapKeyToValue(nameof(Scored.Class), "PredictedLabel").Fit(scored.Transform(none));
    engine = context.Model.CreatePredictionEngine<Picture, Scored>(scored.Append(names));
}
catch (Exception e) when (e is ArgumentException or InvalidOperationException) // it reads or gives other columns
{
    Console.Error.WriteLine($"Cannot score with '{args[0]}': {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}. Expected a model.zip as TrainAndExport saves it.");
    return 1;
}

int code = 0;
foreach (string file in args.Skip(1))
{
    try
    {
        var row = engine.Predict(new Picture { File = file });
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Class}  {100 * row.Score.Max():F1} %  {file}"));
    }
    catch (Exception e) when (e is ArgumentException or InvalidOperationException or UnauthorizedAccessException)
    {
        Console.Error.WriteLine($"Cannot score '{file}': {e.GetBaseException().Message}");
        code = 1;
    }
}

engine.Dispose();
return code;

internal sealed class Picture
{
    public string File { get; set; } = "";
}

internal sealed class Scored
{
    public string Class { get; set; } = "";

    public float[] Score { get; set; } = [];
}
