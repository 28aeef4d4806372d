// Says what pictures show: dotnet run -c Release --project samples/PredictImages -- holiday.jpg folder/of/pictures
using System.CommandLine;
using System.Globalization;
using Cifar3;

var pathsArgument = new Argument<string[]>("paths") { Description = "Picture files, or folders of them.", Arity = ArgumentArity.OneOrMore };
var modelOption = new Option<string?>("--model") { Description = "The .onnx file of the model. Default: the one inside the library, which knows aeroplanes, cars and birds." };
var command = new RootCommand("Says what pictures show, one line each: class, confidence, file.") { pathsArgument, modelOption };
command.SetAction(arguments => Predict(arguments.GetValue(pathsArgument)!, arguments.GetValue(modelOption)));
return command.Parse(args).Invoke();

static int Predict(string[] paths, string? model)
{
    int leftOut = 0;
    try
    {
        using var classifier = model is null ? Cifar3Classifier.LoadDefault() : Cifar3Classifier.Load(model);
        int width = classifier.ClassNames.Max(name => name.Length);
        foreach (string path in paths)
        {
            try
            {
                foreach (string file in Cifar3Data.ListPictures(path, LeaveOut)) // of a folder; a file is itself
                {
                    PredictOne(classifier, width, file);
                }
            }
            catch (Cifar3DataException e) // a folder without pictures
            {
                LeaveOut(e.Message);
            }
        }
    }
    catch (Exception e) when (e is Cifar3Exception or IOException or UnauthorizedAccessException)
    {
        Console.Error.WriteLine($"Error: {e.Message}");
        return 1;
    }

    return leftOut > 0 ? 1 : 0;

    void PredictOne(Cifar3Classifier classifier, int width, string file)
    {
        try
        {
            var prediction = classifier.Predict(file);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{prediction.Label.PadRight(width)}  {100 * prediction.Confidence,5:F1} %  {file}"));
        }
        catch (Cifar3ImageException e) // the other pictures are worth scoring all the same
        {
            LeaveOut(e.Message);
        }
    }

    void LeaveOut(string problem)
    {
        leftOut++;
        Console.Error.WriteLine(problem);
    }
}
