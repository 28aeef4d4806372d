using System.Diagnostics;

namespace Cifar3.Tests;

/// <summary>
/// What this assembly does as a program of its own, in a process that nothing else has loaded libraries into: scores a model and prints the
/// native libraries that are loaded then.
/// </summary>
internal static class ChildProgram
{
    /// <summary>Arguments: model file, back end; or <c>load</c> and a path of data, which prints how many images it has, or the error.</summary>
    public static int Main(string[] arguments)
    {
        if (arguments is ["load", var path])
        {
            try
            {
                var data = Cifar3Data.Load(path);
                Console.WriteLine(FormattableString.Invariant($"{data.Train.Count} {data.Test.Count}"));
            }
            catch (Cifar3Exception e)
            {
                Console.WriteLine(e.Message);
            }

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
    public static string[] Run(params string[] arguments)
    {
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host ? host : "dotnet";
        var start = new ProcessStartInfo(dotnet, [typeof(ChildProgram).Assembly.Location, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, () => errors.Result);
        return output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }
}
