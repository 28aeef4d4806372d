using System.Diagnostics;
using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>
/// What this assembly does as a program of its own, in a process that nothing else has loaded libraries into: scores a model and prints the
/// native libraries that are loaded then.
/// </summary>
internal static class ChildProgram
{
    /// <summary>Arguments: model file, back end; or <c>load</c> and a path of data (empty: none), which prints how many images it has, or the error; or <c>zip</c> and a file of ML.NET to write.</summary>
    public static int Main(string[] arguments)
    {
        if (arguments is ["load", var path])
        {
            try
            {
                var data = Cifar3Data.Load(path.Length > 0 ? path : null);
                Console.WriteLine(FormattableString.Invariant($"{data.Train.Count} {data.Test.Count}"));
            }
            catch (Cifar3Exception e)
            {
                Console.WriteLine(e.Message);
            }

            return 0;
        }

        if (arguments is ["tests", var pattern])
        {
            return TestsInProcess.Run(pattern);
        }

        if (arguments is ["read", var kind, var file])
        {
            return LimitsOfTheProcessTests.ReadInChild(kind, file);
        }

        if (arguments is ["starve", var place])
        {
            return LimitsOfTheProcessTests.StarveInChild(place);
        }

        if (arguments is ["queue", var pictures])
        {
            return LimitsOfTheProcessTests.QueueInChild(pictures);
        }

        if (arguments is ["tensorflow"])
        {
            return LoadedLibraryTests.LoadTwiceInChild();
        }

        if (arguments is ["tensorflow", "notices"])
        {
            return LoadedLibraryTests.TellNoticesInChild();
        }

        if (arguments is ["stubborn"])
        {
            return ConsoleProgramTests.StayInChild();
        }

        if (arguments is ["write", var target])
        {
            return KillTests.WriteInChild(target);
        }

        if (arguments is ["train", var workspace, var epochs])
        {
            return TrainingProcess.Child(workspace, int.Parse(epochs, System.Globalization.CultureInfo.InvariantCulture));
        }

        if (arguments is ["keras", var kerasFolder])
        {
            return JsonReflectionTests.Child(kerasFolder);
        }

        if (arguments is ["static", var modelZip])
        {
            return DynamicCodeTests.Child(modelZip);
        }

        if (arguments is ["refuse"])
        {
            return JsonReflectionTests.RefuseInChild().GetAwaiter().GetResult();
        }

        if (arguments is ["zip", var zip])
        {
            var context = new MLContext();
            var view = ColourImages.Create(4).ToDataView();
            context.Model.Save(context.Transforms.ApplyCifar3(TestModels.Random(filters: [1, 1, 1]), "Pixels").Fit(view), view.Schema, zip);
            return 0;
        }

        if (arguments is ["cultures", var folder])
        {
            return CultureTests.Child(folder);
        }

        using var classifier = Cifar3Classifier.Load(arguments[0], new ClassifierOptions { Backend = Enum.Parse<ScoringBackend>(arguments[1]) });
        Console.WriteLine(classifier.PredictPixels(new byte[CnnArchitecture.ImageBytes]));
        foreach (ProcessModule module in Process.GetCurrentProcess().Modules)
        {
            Console.WriteLine(module.ModuleName);
        }

        return 0;
    }

    /// <summary>Runs it and gives the lines that it printed.</summary>
    public static string[] Run(params string[] arguments) => Run(arguments, []);

    /// <summary>The same with an environment and limits of its own.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">What it finds in its environment beside the caller's.</param>
    /// <param name="limit">A limit that bash sets, such as <c>ulimit -n 100</c>; null = none.</param>
    public static string[] Run(string[] arguments, (string Name, string Value)[] environment, string? limit = null)
    {
        using var process = Start(arguments, environment, limit);
        var errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, () => errors.Result);
        return output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Starts it.</summary>
    public static Process Start(string[] arguments, (string Name, string Value)[] environment, string? limit = null)
    {
        string[] command = [DotnetCommand.Host, typeof(ChildProgram).Assembly.Location, .. arguments];
        command = limit is null ? command : ["bash", "-c", $"{limit}; exec \"$@\"", "bash", .. command];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
