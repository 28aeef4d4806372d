using System.Runtime.CompilerServices;
using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>Programs that may not write code while they run, as <c>dotnet run app.cs</c> may not: what of ML.NET the library itself uses works there.</summary>
public sealed class DynamicCodeTests
{
    [Test]
    public void EvaluateAndPipelines_InAProcessWithoutDynamicCode_Work()
    {
        string[] said = ChildProgram.Run("static", Path.Combine(TestFiles.NewFolder(), "model.zip"));

        Assert.That(said, Is.EqualTo(new[] { "evaluate 6", "pipeline 6", "model.zip 6" }));
    }

    /// <summary>A native program has no dynamic code either; there ML.NET lacks code of its own.</summary>
    [Test]
    public void CallMlNet_CodeIsMissingInANativeProgram_TellsHowToPublish()
    {
        string[] said = ChildProgram.Run("static", "native");

        Assert.That(said, Has.Length.EqualTo(1));
        Assert.That(said[0], Does.StartWith("Cannot evaluate: this program is compiled to native code").And.Contain("#:property PublishAot=false").And.EndsWith("Found: 'X' is missing native code."));
        Assert.That(() => NativeProgram.CallMlNet<int>("Cannot evaluate", () => throw new NotSupportedException("elsewhere")), Throws.TypeOf<NotSupportedException>(), "where .NET compiles, it is another error");
    }

    /// <summary>Evaluates a model in a process that knows only the code it was started with.</summary>
    internal static int Child(string zip)
    {
        AppContext.SetSwitch("System.Runtime.CompilerServices.RuntimeFeature.IsDynamicCodeSupported", false);
        if (RuntimeFeature.IsDynamicCodeSupported)
        {
            return 1; // something has asked before
        }

        if (zip == "native")
        {
            Console.WriteLine(Assert.Catch<Cifar3Exception>(() => NativeProgram.CallMlNet<int>("Cannot evaluate", () => throw new NotSupportedException("'X' is missing native code.")))!.Message);
            return 0;
        }

        var images = ColourImages.Create(6);
        var model = CnnModel.Create(images.ClassNames, filters: [1, 1, 1]);
        using var classifier = Cifar3Classifier.FromModel(model, new ClassifierOptions { Backend = ScoringBackend.Managed });
        Console.WriteLine($"evaluate {classifier.Evaluate(images).Count}");

        var context = new MLContext();
        var view = images.ToDataView();
        var transformer = context.Transforms.ApplyCifar3(model, "Pixels").Fit(view);
        Console.WriteLine($"pipeline {Rows(context, transformer, view)}");
        context.Model.Save(transformer, view.Schema, zip);
        Console.WriteLine($"model.zip {Rows(context, context.Model.Load(zip, out _), view)}");
        return 0;
    }

    private static double Rows(MLContext context, ITransformer transformer, IDataView view) => context.MulticlassClassification.Evaluate(transformer.Transform(view)).ConfusionMatrix.Counts.Sum(row => row.Sum());
}
