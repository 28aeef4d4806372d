using Cifar3.AspNetCore;
using Cifar3.Training;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Cifar3.Tests;

/// <summary>The code of docs/service.md, docs/tool.md and docs/scale.md.</summary>
public sealed class ServicePageTests
{
    [Test]
    public async Task Service_TwoModels_BothAnswer()
    {
        string before = Directory.GetCurrentDirectory();
        Directory.SetCurrentDirectory(TestFiles.NewFolder());
        try
        {
            ServiceApp.SaveModel("model.onnx", seed: 1);
            ServiceApp.SaveModel("parts.onnx", seed: 2);
            await PageApp.RunAsync(Service, ["--urls", "http://127.0.0.1:0", "--Cifar3:ModelPath", "model.onnx"], services =>
            {
                var pool = services.GetRequiredService<Cifar3ClassifierPool>();
                Assert.That(Own(pool, ImageCorpus.Files["jpeg"]).Label, Is.Not.Empty);
                Assert.That(pool.Names, Is.EqualTo(new[] { "cifar3", "parts" }));
            });
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
        }
    }

    [Test]
    public void Tool_Report_IsWritten()
    {
        using var user = new UserFolder();
        Directory.Move(user.Images, "pictures");

        Assert.That(Report(), Has.Length.GreaterThan(5_000));
        Assert.That(File.Exists("report.html"));
    }

    [Test]
    public void Scale_Repository_IsWritten()
    {
        using var user = new UserFolder();

        Repository(TestModels.Random(filters: [4, 4, 8]));

        Assert.That(File.Exists("repository/cifar3/1/model.onnx"));
    }

    private static void Service(string[] args)
    {
        // docs/service.md
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddCifar3Classifier(builder.Configuration.GetSection("Cifar3"));               // appsettings.json: "Cifar3": { "ModelPath": "model.onnx" }
        builder.Services.AddCifar3Classifier(options => options.ModelPath = "parts.onnx", name: "parts"); // a second model, by name
        var app = builder.Build();
        app.MapHealthChecks("/health");
        app.MapCifar3();
        app.Run();
        // end
    }

    private static Prediction Own(Cifar3ClassifierPool pool, byte[] bytes)
    {
        // docs/service.md
        using var rented = pool.Rent("parts");
        Prediction prediction = rented.Classifier.Predict(bytes);
        // end
        return prediction;
    }

    private static byte[] Report()
    {
        // docs/tool.md
        var data = Cifar3Data.Load("pictures");
        var (train, validation) = data.Train.TrainValidationSplit();
        var result = new Cifar3Trainer().Fit(train, validation);
        TrainingReport.Save("report.html", result, data);
        byte[] curves = TrainingCurves.ToPng(result); // the plots alone: into a file, a stream, or bytes
        // end
        return curves;
    }

    private static void Repository(CnnModel model)
    {
        // docs/scale.md
        TritonRepository.Save("repository", model, new OnnxExportOptions { Flavor = OnnxFlavor.Optimized }, name: "cifar3", maxBatchSize: 64);
        // end
    }
}
