using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The report of a training: what stands in it, and that nothing of it can be anything but text.</summary>
public sealed class TrainingReportTests
{
    private const string Hostile = "<script>alert(1)</script>\"'&";

    [Test]
    public void ToHtml_Training_TellsItsFigures()
    {
        var data = Cifar3Data.Synthetic(trainCount: 90, testCount: 60, seed: 1);
        var result = new Cifar3Trainer(new TrainerOptions { Epoch = 2, Seed = 1, Filters = [4, 8, 8], BatchSize = 16, Engine = TrainingEngine.Managed }).Fit(data.Train, data.Test);
        using var classifier = Cifar3Classifier.FromModel(result.BestModel);
        var report = classifier.Evaluate(data.Test);

        string html = TrainingReport.ToHtml(result, data);

        Assert.That(html, Does.Contain($"<b>{report.Accuracy.ToString("P2", CultureInfo.InvariantCulture)}</b>"));
        Assert.That(html, Does.Contain("say nothing about photographs"), "synthetic images are told");
        Assert.That(html, Does.Contain($"chosen epoch {result.BestModel.Metadata.Epoch}").And.Contain(result.BestModel.WeightHash()).And.Contain(result.Engine));
        Assert.That(Regex.Count(html, "class=\"mistake\""), Is.EqualTo(Math.Min(report.Count - report.Correct, 24)));
        foreach (string heading in new[] { "Data", "Recipe and machine", "Curves", "Confusion matrix", "Calibration", "Worst mistakes", "Model card", "Using the model" })
        {
            Assert.That(html, Does.Contain($"<h2>{heading}</h2>"));
        }

        double[] confidences = [.. Regex.Matches(html, "([0-9.]+) % sure</figcaption>").Select(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];
        Assert.That(confidences, Is.Ordered.Descending, "the most confident mistake first");
    }

    [Test]
    public void ToHtml_NamesWithMarkup_AreText()
    {
        var images = new ImageSet(new byte[8 * CnnArchitecture.ImageBytes], [0, 1, 0, 1, 0, 1, 0, 1], [Hostile, "plain"]);
        var data = new ImageData(images, images, $"folder {Hostile}");

        string html = TrainingReport.ToHtml(Result(images.ClassNames, Hostile), data);

        Assert.That(html, Does.Not.Contain("<script"));
        Assert.That(html, Does.Contain("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
        AssertWellFormed(html);
    }

    /// <summary>Pillow resizes with another filter unless told, which gives other probabilities; a tool that is not installed globally is no command.</summary>
    [Test]
    public void ToHtml_UsingTheModel_IsWhatThePagesSay()
    {
        var images = new ImageSet(new byte[4 * CnnArchitecture.ImageBytes], [0, 1, 0, 1], ["nut", "screw"]);

        string html = System.Net.WebUtility.HtmlDecode(TrainingReport.ToHtml(Result(images.ClassNames, "any"), new ImageData(images, images, "memory")));

        Assert.That(html, Does.Contain(Regex.Match(new DocPage("docs/onnx.md").Text, "picture = ImageOps.*").Value));
        Assert.That(html, Does.Contain(Regex.Match(new DocPage("docs/tool.md").Text, "dotnet tool install .*").Value));
    }

    [TestCase(20, "Examples of the training images")]
    [TestCase(21, "Examples of the training images of the first 20 classes")]
    public void ToHtml_ManyClasses_SaysOfWhichItShowsExamples(int classes, string heading)
    {
        string[] names = [.. Enumerable.Range(1, classes).Select(i => $"class-{i}")];
        var images = new ImageSet(new byte[classes * CnnArchitecture.ImageBytes], [.. Enumerable.Range(0, classes)], names);

        string html = TrainingReport.ToHtml(Result(names, "any"), new ImageData(images, images, "memory"));

        Assert.That(html, Does.Contain($"<h3>{heading}</h3>"));
        Assert.That(Regex.Count(html, "<div class=\"examples\">"), Is.EqualTo(20));
    }

    /// <summary>Two Arabic or Hebrew names and the arrow between them would be one run of text from the right, in which the arrow leads from the wrong class to the true one.</summary>
    [Test]
    public void ToHtml_MistakesOfNamesFromTheRight_KeepTheirOrder()
    {
        string[] names = ["قطة", "כלב"];
        var images = new ImageSet(new byte[4 * CnnArchitecture.ImageBytes], [0, 1, 0, 1], names);

        string html = TrainingReport.ToHtml(Result(names, "any"), new ImageData(images, images, "memory"));

        var mistakes = Regex.Matches(html, "<figcaption><bdi>([^<]*)</bdi> <span class=\"arrow\">→</span> <b><bdi>([^<]*)</bdi></b>").Select(m => (m.Groups[1].Value, m.Groups[2].Value)).ToList();
        Assert.That(mistakes, Is.EqualTo(new[] { (names[0], names[1]), (names[0], names[1]) }).Or.EqualTo(new[] { (names[1], names[0]), (names[1], names[0]) }), "the black images are all taken for one class");
    }

    /// <summary>A name without a blank made the page as wide as itself.</summary>
    [Test]
    public void ToHtml_LongNames_AreBrokenInEveryParagraph()
    {
        var images = new ImageSet(new byte[4 * CnnArchitecture.ImageBytes], [0, 1, 0, 1], ["a", "b"]);

        Assert.That(TrainingReport.ToHtml(Result(images.ClassNames, "any"), new ImageData(images, images, "memory")), Does.Match(@"[}\n]p\{[^}]*overflow-wrap:anywhere"));
    }

    /// <summary>Numbers beside the axis have room for six characters: of a loss of 12,345 the picture showed "333.33" where it meant 13333.33.</summary>
    [TestCase(99, "106.92")]
    [TestCase(12_345, "13333")]
    [TestCase(1e30, "1.1e30")]
    [TestCase(3e38, "3.2e38")]
    public void ToHtml_HugeLoss_HasItsNumbersBesideTheAxisWhole(double loss, string highest)
    {
        var images = new ImageSet(new byte[4 * CnnArchitecture.ImageBytes], [0, 1, 0, 1], ["a", "b"]);
        var some = Result(images.ClassNames, "any");
        var result = new TrainingResult(some.Model, some.BestModel, new History([.. some.History.Epochs.Select(epoch => epoch with { Loss = loss })]), null, "Managed");

        string[] numbers = [.. Regex.Matches(TrainingReport.ToHtml(result, new ImageData(images, images, "memory")), "text-anchor=\"end\">([^<]*)<").Select(match => match.Groups[1].Value)];

        Assert.That(numbers, Has.Some.EqualTo(highest));
        Assert.That(numbers, Has.All.Length.LessThanOrEqualTo(6));
    }

    [Test]
    public void ToHtml_FilesLeftOut_AreCountedWithExamples()
    {
        var images = new ImageSet(new byte[4 * CnnArchitecture.ImageBytes], [0, 1, 0, 1], ["a", "b"]);
        var data = new ImageData(images, images, "folders")
        {
            Skipped = [new SkippedFiles(SkipReason.LoosePicture, 7, ["/x/<b>1.png", "/x/2.png"]), new SkippedFiles(SkipReason.BadImage, 1, ["/x/bad.png"])],
            BadImages = [new BadImage("/x/bad.png", "Cannot read image '/x/bad.png': the file is cut off.")],
        };

        string html = TrainingReport.ToHtml(Result(["a", "b"], "any"), data), without = TrainingReport.ToHtml(Result(["a", "b"], "any"), new ImageData(images, images, "folders"));

        Assert.That(html, Does.Contain("<summary>Left out: 7 pictures in no class folder, 1 picture that cannot be decoded</summary>"));
        Assert.That(html, Does.Contain("<li>7 pictures in no class folder: /x/&lt;b&gt;1.png, /x/2.png, …</li>").And.Contain("the file is cut off."));
        Assert.That(without, Does.Not.Contain("Left out"));
        AssertWellFormed(html);
    }

    [Test]
    public void ToHtml_Page_AsksNoNetwork()
    {
        var images = new ImageSet(new byte[4 * CnnArchitecture.ImageBytes], [0, 1, 0, 1], ["a", "b"]);

        string html = TrainingReport.ToHtml(Result(["a", "b"], "any"), new ImageData(images, images, "memory"));

        Assert.That(Regex.Matches(html, "(src|href)=\"([^\"]*)\"").Select(m => m.Groups[2].Value), Is.Not.Empty.And.All.StartWith("data:"));
        Assert.That(html, Does.Not.Contain("url(").And.Not.Contain("@import").And.Contain("default-src 'none'"));
    }

    [Test]
    public void ToHtml_UnequalClasses_Warns()
    {
        var images = new ImageSet(new byte[6 * CnnArchitecture.ImageBytes], [0, 0, 0, 0, 0, 1], ["many", "few"]);

        string html = TrainingReport.ToHtml(Result(["many", "few"], "any"), new ImageData(images, images, "memory"));

        Assert.That(html, Does.Contain("The classes are unequal: 1 to 5 training images a class").And.Contain("Naming always many would be right on 83.33 % of the test images."));
    }

    /// <summary>Who gets the page by mail has not seen the console.</summary>
    [Test]
    public void ToHtml_WhatTheTrainingWarnedOf_StandsBesideTheFigures()
    {
        var images = new ImageSet(new byte[4 * CnnArchitecture.ImageBytes], [0, 1, 0, 1], ["a", "b"]);
        var data = new ImageData(images, images, "memory");

        string html = TrainingReport.ToHtml(Result(["a", "b"], "any", "no better than <chance>", "mirrored", "other bits", "no csv"), data), without = TrainingReport.ToHtml(Result(["a", "b"], "any"), data);

        Assert.That(Regex.Matches(html[..html.IndexOf("<h2>Data", StringComparison.Ordinal)], "<p class=\"warning\">([^<]*)</p>").Select(m => m.Groups[1].Value),
            Is.EqualTo(new[] { "Warning: no better than &lt;chance&gt;", "Note: mirrored", "Note: other bits", "Note: no csv" }));
        Assert.That(without, Does.Not.Contain("class=\"warning\""));
        AssertWellFormed(html);
    }

    [Test]
    public void ToHtml_ImagesOfOtherClasses_IsRefused()
    {
        var images = new ImageSet(new byte[2 * CnnArchitecture.ImageBytes], [0, 1], ["x", "y"]);

        Assert.That(() => TrainingReport.ToHtml(Result(["a", "b"], "any"), new ImageData(images, images, "memory")), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("'a', 'b'").And.Message.Contains("'x', 'y'"));
    }

    [Test]
    public void RunFolder_SavedAndOpened_IsTheSame()
    {
        string folder = TestFiles.NewFolder();
        var result = Result(["a", "b"], "any", "at chance", "mirrored", "other bits", "no csv");

        RunFolder.Save(folder, result, "pictures", 0.25);
        var run = RunFolder.Open(folder);

        Assert.That(run.Result.BestModel.WeightHash(), Is.EqualTo(result.BestModel.WeightHash()));
        Assert.That(run.Result.History.Epochs, Is.EqualTo(result.History.Epochs));
        Assert.That((run.Result.Engine, run.Result.StopReason, run.TestFraction), Is.EqualTo((result.Engine, result.StopReason, (double?)0.25)));
        Assert.That(run.DataPath, Is.EqualTo(Path.GetFullPath("pictures")));
        Assert.That((run.Result.Warning, run.Result.RecipeNote, run.Result.ResumeNote, run.Result.FilesNote), Is.EqualTo(("at chance", "mirrored", "other bits", "no csv")));
    }

    /// <summary>The last model is then one of an earlier epoch, which tells of the epochs up to it.</summary>
    [Test]
    public void RunFolder_WeightsOfAnEarlierEpochRestored_TellsOfAllEpochs()
    {
        string folder = TestFiles.NewFolder();
        var stopping = new EarlyStopping("loss", patience: 1, mode: MonitorMode.Max, restoreBestWeights: true);
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 9, LearningRate = 0.05f, Callbacks = [stopping] }).Fit(ColourImages.Create(100), ColourImages.Create(50, seed: 1));
        Assume.That((result.Model.Metadata.Epoch, result.History.Epochs.Length), Is.EqualTo((1, 2)), "the loss no longer falls");

        RunFolder.Save(folder, result);
        var opened = RunFolder.Open(folder).Result;

        Assert.That(opened.History.Epochs, Is.EqualTo(result.History.Epochs));
        Assert.That(opened.ToString(), Is.EqualTo(result.ToString()));
        Assert.That((opened.Model.WeightHash(), opened.Model.Metadata.Epoch), Is.EqualTo((result.Model.WeightHash(), 1)));
        Assert.That(opened.Model.Metadata.History, Is.EqualTo(result.Model.Metadata.History));
    }

    /// <summary>Without validation images the model of a restored epoch was told with the last epoch's figures, and as the last one.</summary>
    [Test]
    public void Result_EarlierEpochRestoredWithoutValidation_TellsOfThatEpoch()
    {
        var images = ColourImages.Create(100);
        var stopping = new EarlyStopping("loss", patience: 1, mode: MonitorMode.Max, restoreBestWeights: true);
        var result = FakeTrainer.Create(new TrainerOptions { Epoch = 9, LearningRate = 0.05f, Callbacks = [stopping] }).Fit(images);
        Assume.That((result.BestModel.Metadata.Epoch, result.History.Epochs.Length), Is.EqualTo((1, 2)));

        string html = TrainingReport.ToHtml(result, new ImageData(images, images, "memory"));

        Assert.That(result.ToString(), Does.StartWith(FormattableString.Invariant($"2 epochs, the model is of 1: accuracy {result.History.Epochs[0].Accuracy:F4}, loss {result.History.Epochs[0].Loss:F4}; stopped early")));
        Assert.That(html, Does.Contain("<th scope=\"row\">how the epoch was chosen</th><td>by a callback, without validation images</td>"));
    }

    /// <summary>A finished training may be gone on with, for more epochs: its last model and record are there until the end.</summary>
    [Test]
    public void RunFolder_InterruptedWhileAFinishedTrainingWentOn_IsWhatItsBestModelTells()
    {
        string folder = TestFiles.NewFolder();
        var options = new TrainerOptions { Epoch = 4, LearningRate = 0.05f };
        RunFolder.Save(folder, FakeTrainer.Create(options with { Epoch = 1 }).Fit(ColourImages.Create(100)));
        var longer = FakeTrainer.Create(options).Fit(ColourImages.Create(100));
        longer.Model.SaveOnnx(Path.Combine(folder, RunFolder.ModelFile)); // as ModelCheckpoint does

        var opened = RunFolder.Open(folder).Result;

        Assert.That(opened.History.Epochs, Is.EqualTo(longer.History.Epochs));
        Assert.That(opened.StopReason, Is.EqualTo("the training was interrupted"));
    }

    [Test]
    public void RunFolder_DamagedRecordInAFolderNamedForTheTerminal_IsEscaped()
    {
        string folder = Path.Combine(TestFiles.NewFolder(), "red\u001b[31m");
        RunFolder.Save(folder, Result(["a", "b"], "any"));
        File.WriteAllText(Path.Combine(folder, RunFolder.RecordFile), "no json");

        Assert.That(() => RunFolder.Open(folder), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(@"red\u001B[31m"));
    }

    [TestCase("{}")]
    [TestCase("no json")]
    [TestCase("""{"format":"another 1","engine":"x"}""")]
    public void RunFolder_DamagedRecord_NamesTheFile(string record)
    {
        string folder = TestFiles.NewFolder();
        RunFolder.Save(folder, Result(["a", "b"], "any"));
        File.WriteAllText(Path.Combine(folder, RunFolder.RecordFile), record);

        Assert.That(() => RunFolder.Open(folder), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains(RunFolder.RecordFile));
    }

    [Test]
    public void RunFolder_Interrupted_IsWhatItsBestModelTells()
    {
        string folder = TestFiles.NewFolder();
        var result = Result(["a", "b"], "any");
        result.BestModel.SaveOnnx(Path.Combine(folder, RunFolder.ModelFile));

        Assert.That(RunFolder.Open(folder).Result.History.Epochs, Is.EqualTo(result.BestModel.Metadata.History));
        result.BestModel.With(result.BestModel.Metadata with { Epoch = 5, History = [] }).SaveOnnx(Path.Combine(folder, RunFolder.ModelFile));
        Assert.That(RunFolder.Open(folder).Result.ToString(), Is.EqualTo("0 epochs; stopped early: the training was interrupted"), "a model that does not tell of its epoch");
    }

    [Test]
    public void RunFolder_TrainingsInterruptedInAFinishedOnesFolder_KeepItsModel()
    {
        string folder = TestFiles.NewFolder();
        string Kept(string name) => CnnModel.LoadOnnx(Path.Combine(folder, name)).WeightHash();
        CnnModel finished = Result(["a", "b"], "any").BestModel, first = CnnModel.Create(["a", "b"], seed: 1, filters: [2, 2, 2]), second = CnnModel.Create(["a", "b"], seed: 2, filters: [2, 2, 2]);

        RunFolder.Save(folder, Result(["a", "b"], "any"));
        foreach (var model in new[] { first, second })
        {
            RunFolder.Begin(folder);
            model.SaveOnnx(Path.Combine(folder, RunFolder.ModelFile)); // the first best epoch, then the end
        }

        RunFolder.Begin(folder);

        Assert.That(Kept(RunFolder.PreviousModelFile), Is.EqualTo(finished.WeightHash()));
        Assert.That(Kept(RunFolder.InterruptedModelFile), Is.EqualTo(second.WeightHash()));
        Assert.That(File.Exists(Path.Combine(folder, RunFolder.ModelFile)), Is.False);
    }

    [Test]
    public void Triton_Repository_DeclaresWhatTheModelIs()
    {
        string folder = TestFiles.NewFolder();

        string target = TritonRepository.Save(folder, CnnModel.Create(["a", "b"], seed: 1, filters: [4, 4, 8]), name: "parts", maxBatchSize: 16);

        Assert.That(File.ReadAllLines(Path.Combine(target, "labels.txt")), Is.EqualTo(new[] { "a", "b" }));
        string config = File.ReadAllText(Path.Combine(target, "config.pbtxt"));
        Assert.That(config, Does.Contain("name: \"parts\"").And.Contain("platform: \"onnxruntime_onnx\"").And.Contain("max_batch_size: 16"));
        using var session = new Microsoft.ML.OnnxRuntime.InferenceSession(Path.Combine(target, "1", "model.onnx"));
        var (name, input) = session.InputMetadata.Single();
        Assert.That(config, Does.Contain($"name: \"{name}\"").And.Contain($"dims: [ {string.Join(", ", input.Dimensions.Skip(1))} ]"));
        Assert.That(session.OutputMetadata.Single().Key, Is.EqualTo("probabilities"));
    }

    /// <summary>Names and types of the fields that are written, as Triton's <c>inference.ModelConfig</c> declares them; protoc reads the text by them.</summary>
    private const string ConfigSchema = """
        syntax = "proto3";
        package inference;
        enum DataType { TYPE_INVALID = 0; TYPE_UINT8 = 2; TYPE_FP32 = 11; }
        message ModelInput { string name = 1; DataType data_type = 2; repeated int64 dims = 4; }
        message ModelOutput { string name = 1; DataType data_type = 2; repeated int64 dims = 3; string label_filename = 4; }
        message ModelDynamicBatching { repeated int32 preferred_batch_size = 1; uint64 max_queue_delay_microseconds = 2; }
        message ModelConfig {
          string name = 1;
          string platform = 2;
          int32 max_batch_size = 4;
          repeated ModelInput input = 5;
          repeated ModelOutput output = 6;
          oneof scheduling_choice { ModelDynamicBatching dynamic_batching = 11; }
        }
        """;

    [Test]
    public void Triton_Config_IsReadByProtoc([Values(OnnxFlavor.Keras, OnnxFlavor.Optimized)] OnnxFlavor flavor)
    {
        string cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } named ? named : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        string tools = Path.Combine(cache, "grpc.tools");
        string? protoc = !OperatingSystem.IsLinux() || !Directory.Exists(tools) ? null : Directory.EnumerateFiles(tools, "protoc", SearchOption.AllDirectories).FirstOrDefault(file => file.Contains("linux_x64", StringComparison.Ordinal));
        if (protoc is null)
        {
            Assert.Ignore("protoc of the package Grpc.Tools for Linux is not in NuGet's cache.");
        }

        string folder = TestFiles.NewFolder(), target = TritonRepository.Save(folder, CnnModel.Create(["a", "b"], seed: 1, filters: [4, 4, 8]), new OnnxExportOptions { Flavor = flavor });
        File.WriteAllText(Path.Combine(folder, "config.proto"), ConfigSchema);

        var (exitCode, encoded) = Encode(File.ReadAllText(Path.Combine(target, "config.pbtxt")));

        Assert.That(exitCode, Is.Zero, encoded);
        Assert.That(encoded, Does.Contain("onnxruntime_onnx").And.Contain("labels.txt").And.Contain(flavor == OnnxFlavor.Keras ? "input" : "pixels"));
        Assert.That(Encode("no_such_field: 1").ExitCode, Is.Not.Zero, "it does look");

        (int ExitCode, string Output) Encode(string text)
        {
            var start = new System.Diagnostics.ProcessStartInfo(protoc, ["--encode=inference.ModelConfig", "config.proto"]) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
            using var process = System.Diagnostics.Process.Start(start)!;
            process.StandardInput.Write(text);
            process.StandardInput.Close();
            string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output);
        }
    }

    [TestCase("")]
    [TestCase("../up")]
    [TestCase(".hidden")]
    [TestCase("a\"b")]
    public void Triton_BadName_IsRefused(string name) =>
        Assert.That(() => TritonRepository.Save(TestFiles.NewFolder(), CnnModel.Create(["a", "b"], filters: [4, 4, 8]), name: name), Throws.ArgumentException.With.Message.Contains("letters, digits"));

    private static TrainingResult Result(IReadOnlyList<string> classes, string recipe, string? warning = null, string? recipeNote = null, string? resumeNote = null, string? filesNote = null)
    {
        EpochLog[] epochs = [new(1, 0.9, 0.6, 0.8, 0.65, 1e-3, 1), new(2, double.NaN, 0.7, 0.7, 0.7, 1e-3, 1)];
        var model = CnnModel.Create(classes, seed: 1, filters: [4, 4, 8]);
        model = model.With(model.Metadata with { Recipe = recipe, TrainedOn = recipe, Epoch = 2, ValAccuracy = 0.7, History = [.. epochs] });
        return new TrainingResult(model, model, new History([.. epochs]), $"no more {recipe}", "Managed", warning) { RecipeNote = recipeNote, ResumeNote = resumeNote, FilesNote = filesNote };
    }

    /// <summary>The body is XML but for its void elements.</summary>
    private static void AssertWellFormed(string html)
    {
        string body = html[html.IndexOf("<body>", StringComparison.Ordinal)..html.IndexOf("</html>", StringComparison.Ordinal)];
        body = Regex.Replace(body, "<(img|br)([^>]*)>", "<$1$2/>");
        Assert.That(() => XDocument.Parse(body), Throws.Nothing);
    }
}
