using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Models that the command <c>cifar3</c> is given: what it says of them, and what it makes of their classes.</summary>
public sealed class ToolModelTests
{
    [Test]
    public void Inspect_KerasFile_SaysOnTheStandardErrorWhatWasNotTakenOver()
    {
        string file = TestFiles.Golden("keras3/trained.weights.h5");

        var (output, error) = ToolProcess.Must("inspect", file);

        Assert.That(error, Does.Contain("Note: ").And.Contain("epsilon of 0.001").And.Contain("optimizer's state was left out").And.Contain("cifar3 convert FILE model.onnx --classes"));
        Assert.That(error, Does.Not.Contain("KerasLoadOptions").And.Not.Contain("classNames"), "names of the API");
        Assert.That(output, Does.Contain("Total params: 289,443").And.Not.Contain("Note: "));
    }

    [Test]
    public void Inspect_AnotherToolsModel_NamesNoSettingThatTheCommandLacks()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        File.WriteAllBytes(file, OtherToolsModelTests.InAnotherForm(""));
        File.WriteAllText(Path.ChangeExtension(file, ".classes.txt"), "a\nb\nc\n");

        string output = ToolProcess.Must("inspect", file).Output;

        Assert.That(output, Does.Contain("0 to 1 (pixel / 255), usual, and its graph shows no other; this command cannot be told of another scaling; a program tells it by ClassifierOptions.InputScaling"));
    }

    [Test]
    public void Convert_BetweenKerasFiles_KeepsAdamsStateAndRate()
    {
        string folder = TestFiles.NewFolder(), from = Path.Combine(folder, "from.h5"), to = Path.Combine(folder, "to.keras");
        var model = CnnModel.Create(["nut", "screw"], seed: 1, filters: [2, 2, 2]);
        KerasFile.Save(from, model, EngineState.Initial(model) with { Step = 77 }, learningRate: 0.0123);

        ToolProcess.Must("convert", from, to);
        string error = ToolProcess.Must("convert", from, Path.Combine(folder, "to.onnx")).Error;

        var converted = KerasFile.Load(to);
        Assert.That(converted.State?.Step, Is.EqualTo(77));
        Assert.That(converted.LearningRate, Is.EqualTo(0.0123).Within(1e-8));
        Assert.That(error, Does.Contain("Adam's state (step 77) was left out: ONNX files hold none"));
    }

    [Test]
    public void Convert_ShippedModelByItsName_IsIt()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "default.keras");

        ToolProcess.Must("convert", "default", file);

        Assert.That(CnnModel.LoadKeras(file).WeightHash(), Is.EqualTo(CnnModel.LoadDefault().WeightHash()));
    }

    [TestCase("convert")]
    [TestCase("export")]
    public void Write_ThroughALink_TellsTheFilesLength(string command)
    {
        string folder = TestFiles.NewFolder(), from = Path.Combine(folder, "from.onnx"), link = Path.Combine(folder, "link.onnx"), to = Path.Combine(folder, "to.onnx");
        CnnModel.Create(["nut", "screw"], seed: 1, filters: [2, 2, 2]).SaveOnnx(from);
        File.WriteAllText(to, "");
        TestFiles.Link(link, "to.onnx");

        string output = ToolProcess.Must(command == "convert" ? ["convert", from, link] : ["export", from, "--out", link]).Output;

        Assert.That(output, Does.Contain(FormattableString.Invariant($"link.onnx, {new FileInfo(to).Length:N0} bytes")));
    }

    [Test]
    public void Convert_ClassesOfAnOnnxFile_AreTaken()
    {
        string folder = TestFiles.NewFolder(), from = Path.Combine(folder, "from.onnx"), to = Path.Combine(folder, "to.onnx");
        CnnModel.Create(["class_0", "class_1"], seed: 1, filters: [2, 2, 2]).SaveOnnx(from);

        ToolProcess.Must("convert", from, to, "--classes", "nut", "screw");

        Assert.That(CnnModel.LoadOnnx(to).ClassNames, Is.EqualTo(new[] { "nut", "screw" }));
    }

    [TestCase("onnx", "nut nut", "Class 'nut' is there twice in --classes")]
    [TestCase("keras", "nut nut", "Class 'nut' is there twice in --classes")]
    [TestCase("onnx", "nut screw bolt", "2 classes apart but 3 class names were given")]
    public void Convert_ClassesThatDoNotFit_AreRefused(string format, string classes, string problem)
    {
        string folder = TestFiles.NewFolder(), from = Path.Combine(folder, $"from.{format}"), to = Path.Combine(folder, "to.onnx");
        var model = CnnModel.Create(["class_0", "class_1"], seed: 1, filters: [2, 2, 2]);
        if (format == "onnx")
        {
            model.SaveOnnx(from);
        }
        else
        {
            model.SaveKeras(from);
        }

        Assert.That(ToolProcess.MustFail(["convert", from, to, "--classes", .. classes.Split(' ')]), Does.Contain(problem));
        Assert.That(File.Exists(to), Is.False);
    }

    /// <summary>Pictures of one class would be called by the name of another: the help's own example did so to a model of <c>cifar3 train</c>, whose classes come in ordinal order.</summary>
    [TestCase("onnx")]
    [TestCase("keras")]
    public void Convert_ClassesOfTheFileInAnotherOrder_AreRefused(string format)
    {
        string folder = TestFiles.NewFolder(), from = Path.Combine(folder, $"from.{format}"), to = Path.Combine(folder, "to.onnx");
        ToolProcess.Must("convert", "default", from);

        string error = ToolProcess.MustFail("convert", from, to, "--classes", "aeroplane", "bird", "car");

        Assert.That(error, Does.StartWith("Error: ").And.Contain($"'{from}'").And.EndsWith("ts outputs are 'aeroplane', 'car', 'bird', in this order, and the same names were given in another: 'aeroplane', 'bird', 'car'. Leave --classes out: the file tells them."));
        Assert.That(File.Exists(to), Is.False);
    }

    [TestCase("export", "model.onnx", "--out", "model.onnx")]
    [TestCase("export", "model.onnx", "--out", "link.onnx")]
    [TestCase("export", "link.onnx", "--out", "linked/model.onnx")]
    [TestCase("export", "repository/cifar3/1/model.onnx", "--triton", "repository")]
    [TestCase("convert", "model.onnx", "./model.onnx")]
    [TestCase("convert", "link.onnx", "model.onnx")]
    [TestCase("report", ".", "--out", "link.onnx")]
    public void Command_OverItsInput_IsRefused(params string[] arguments)
    {
        string folder = TestFiles.NewFolder(), model = Path.Combine(folder, "model.onnx"), inside = Path.Combine(folder, "repository", "cifar3", "1", "model.onnx");
        CnnModel.Create(["nut", "screw"], seed: 1, filters: [2, 2, 2]).SaveOnnx(model);
        CnnModel.LoadOnnx(model).SaveOnnx(inside);
        if (arguments.Contains("link.onnx"))
        {
            TestFiles.Link(Path.Combine(folder, "link.onnx"), "model.onnx");
            TestFiles.Link(Path.Combine(folder, "linked"), ".");
        }

        var before = new[] { model, inside }.Select(File.GetLastWriteTimeUtc).ToList();

        var (exitCode, output, error) = ToolProcess.RunIn(folder, arguments);

        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(error, Does.Contain("is the model that is read").And.Contain("Name another file to write"));
        Assert.That(new[] { model, inside }.Select(File.GetLastWriteTimeUtc), Is.EqualTo(before));
    }

    /// <summary>Calibrating so wide a model takes far longer than reading it and the pictures does.</summary>
    [Test]
    public void Export_Int8OfAWideModel_EndsAtControlC()
    {
        string data = PictureFolders.Write(("nut", 500), ("screw", 500)), folder = TestFiles.NewFolder();
        CnnModel.Create(["nut", "screw"], seed: 1, filters: [512, 512, 512]).SaveOnnx(Path.Combine(folder, "model.onnx"));
        using var process = ToolProcess.Start(null, folder, "export", "model.onnx", "--flavor", "int8", "--data", data);
        while (!process.HasExited && process.TotalProcessorTime < TimeSpan.FromSeconds(15))
        {
            Thread.Sleep(50);
            process.Refresh();
        }

        process.Signal("INT");

        bool ended = process.WaitForExit(TimeSpan.FromSeconds(30));
        process.Kill(entireProcessTree: true);
        Assert.That(ended, "does not end");
        Assert.That((process.ExitCode, process.StandardError.ReadToEnd().Trim()), Is.EqualTo((130, "Stopped.")));
        Assert.That(Directory.GetFileSystemEntries(folder), Has.Length.EqualTo(1));
    }

    [TestCase("onnx")]
    [TestCase("keras")]
    public void Train_FromAModelOfOtherClasses_BeginsItsLastLayerAnewAndSaysSo(string format)
    {
        string data = PictureFolders.Write(("nut", 12), ("screw", 12)), file = Path.Combine(TestFiles.NewFolder(), $"start.{format}"), run = Path.Combine(TestFiles.NewFolder(), "run");
        var start = CnnModel.Create(["a", "b", "c"], seed: 3, filters: [2, 3, 4]);
        if (format == "onnx")
        {
            start.SaveOnnx(file);
        }
        else
        {
            start.SaveKeras(file);
        }

        string error = ToolProcess.Must("train", data, "--out", run, "--epochs", "1", "--engine", "Managed", "--init-from", file).Error;

        Assert.That(error, Does.Contain($"Note: '{file}' knows other classes, 'a', 'b', 'c': its last layer begins anew for those of the pictures, 'nut', 'screw'"));
        var trained = CnnModel.LoadOnnx(Path.Combine(run, "model.onnx"));
        Assert.That(trained.ClassNames, Is.EqualTo(new[] { "nut", "screw" }));
        Assert.That(trained.Architecture.Filters, Is.EqualTo(new[] { 2, 3, 4 }), "its layers");
    }

    [Test]
    public void StartModel_SameClassesInAnotherOrder_KeepsTheOutputs()
    {
        var model = CnnModel.Create(["aeroplane", "car", "bird"], seed: 5, filters: [2, 2, 2]);
        var image = Cifar3Data.Synthetic(3, 3).Test.Image(0);
        using var before = Cifar3Classifier.FromModel(model);
        var expected = before.PredictPixels(image);

        var start = StartModel.For(model, EngineState.Initial(model), "start.onnx", ["airplane", "bird", "automobile"], seed: 1);

        using var after = Cifar3Classifier.FromModel(start.Model);
        var found = after.PredictPixels(image);
        Assert.That(start.Model.ClassNames, Is.EqualTo(new[] { "airplane", "bird", "automobile" }));
        Assert.That(new[] { found["airplane"], found["automobile"], found["bird"] }, Is.EqualTo(new[] { expected["aeroplane"], expected["car"], expected["bird"] }).Within(1e-6f));
        Assert.That(start.State, Is.Null, "its moments have the old order");
        Assert.That(start.Note, Does.Contain("'airplane', 'bird', 'automobile'"));
    }

    [Test]
    public void StartModel_FileWithoutNames_IsTakenInTheOrderOfTheData()
    {
        var model = CnnModel.Create(["class_0", "class_1"], seed: 5, filters: [2, 2, 2]);
        var state = EngineState.Initial(model);

        var start = StartModel.For(model, state, "start.h5", ["nut", "screw"], seed: 1);

        Assert.That(start.Model.ClassNames, Is.EqualTo(new[] { "nut", "screw" }));
        Assert.That(start.Model.WeightHash(), Is.EqualTo(model.WeightHash()));
        Assert.That(start.State, Is.SameAs(state));
        Assert.That(start.Note, Does.Contain("names no classes"));
    }
}
