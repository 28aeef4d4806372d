using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The program that a new user runs first, from the outside: what it writes, how it ends.</summary>
public sealed class QuickstartTests
{
    [Test]
    public void Run_TwoClassesOfTheUsersOwn_TellsTheWholeStory()
    {
        string folder = TestFiles.NewFolder(), results = Path.Combine(folder, "results");
        string data = QuickstartProcess.CreateImageFolders(trainImages: 100);

        using var run = QuickstartProcess.Run(["--data", data, "--epochs", "2", "--out", results, "--seed", "3"]);

        Assert.That(run.ExitCode, Is.Zero, string.Join('\n', run.ErrorLines));
        string[] epochs = [.. run.Output.Split('\n').Where(line => line.StartsWith("Epoch ", StringComparison.Ordinal))];
        Assert.That(epochs, Has.Length.EqualTo(2), "one plain line an epoch");
        Assert.That(run.Output, Does.Contain("(100, 32, 32, 3)").And.Contain("(20, 32, 32, 3)").And.Contain("nut, screw"));
        Assert.That(run.Output, Does.Contain("Total params: 288,930").And.Contain("bit for bit").And.Contain($"Results\n{results}\n"));
        Assert.That(run.Output, Does.Contain("batch 16, 2 epochs").And.Not.Contain("ynthetic"));
        foreach (string file in new[] { "examples.png", "curves.png", "training.csv", "cifar3.onnx", "confusion-matrix.png", "predictions.png" })
        {
            Assert.That(new FileInfo(Path.Combine(results, file)), Has.Property(nameof(FileInfo.Length)).GreaterThan(50), file);
        }

        var model = CnnModel.LoadOnnx(Path.Combine(results, "cifar3.onnx"));
        Assert.That(model.ClassNames, Is.EqualTo(new[] { "nut", "screw" }));
        Assert.That((model.Metadata.Seed, model.Metadata.ValAccuracy), Is.EqualTo((3, model.Metadata.History[^1].ValAccuracy)));
    }

    [Test]
    public void Run_NoDataAndNoNetwork_TrainsOnSyntheticImagesAndSaysSoEverywhere()
    {
        string results = Path.Combine(TestFiles.NewFolder(), "results");

        using var run = QuickstartProcess.Run(["--epochs", "1", "--out", results], home: TestFiles.NewFolder());

        Assert.That(run.ExitCode, Is.Zero, string.Join('\n', run.ErrorLines));
        Assert.That(run.Output, Does.Contain("SYNTHETIC").And.Contain("CIFAR-10 was not found").And.Contain("Training: (6000, 32, 32, 3)   Test: (1500, 32, 32, 3)"));
        foreach (string line in run.Output.Split('\n').Where(line => line.StartsWith("Accuracy on ", StringComparison.Ordinal) || line.StartsWith("Results", StringComparison.Ordinal)))
        {
            Assert.That(line, Does.Contain("synthetic"));
        }

        Assert.That(CnnModel.LoadOnnx(Path.Combine(results, "cifar3.onnx")).Metadata.TrainedOn, Does.Contain("synthetic"));
    }

    [Test]
    public void Run_InitFromKerasFile_GoesOnFromItsWeightsAndOptimizer()
    {
        string folder = TestFiles.NewFolder(), keras = Path.Combine(folder, "start.h5");
        var start = CnnModel.Create(["anything", "else"], seed: 9, filters: [4, 4, 8]);
        KerasFile.Save(keras, start, EngineState.Initial(start) with { Step = 1_234 }, KerasFormat.Keras2Hdf5);

        using var run = QuickstartProcess.Run(["--data", QuickstartProcess.CreateImageFolders(trainImages: 8), "--epochs", "1", "--out", Path.Combine(folder, "results"), "--init-from", keras]);

        Assert.That(run.ExitCode, Is.Zero, string.Join('\n', run.ErrorLines));
        Assert.That(run.Output, Does.Contain($"Goes on from: {keras} (Keras 2.16.0), Adam at step 1,234"));
        var model = CnnModel.LoadOnnx(Path.Combine(folder, "results", "cifar3.onnx"));
        Assert.That(model.ClassNames, Is.EqualTo(new[] { "nut", "screw" }));
        Assert.That(EngineComparison.Farthest(model["conv2d/kernel"].ToArray(), start["conv2d/kernel"].ToArray()), Is.LessThan(0.01), "one step away from the start");
    }

    [Test]
    public void Run_EngineTensorFlow_SaysSoAndKeepsItsNoticesOffTheStandardError()
    {
        TensorFlowTestBase.RequireTensorFlow();

        using var run = QuickstartProcess.Run(["--data", QuickstartProcess.CreateImageFolders(trainImages: 16), "--epochs", "1", "--out", TestFiles.NewFolder(), "--engine", "tensorflow"]);

        Assert.That(run.ExitCode, Is.Zero, string.Join('\n', run.ErrorLines));
        Assert.That(run.Output, Does.Match(@"Training on TensorFlow 2\.\d+\.\d+ \((CPU, \d+ threads?|GPU:.*)\)"));
        Assert.That(run.ErrorLines, Is.Empty);
    }

    /// <summary>The engine promises the same bits with 1 to 8 threads; TensorFlow keeps one number for a process.</summary>
    [Test]
    public void Run_EngineTensorFlowWithOtherNumbersOfThreads_EndsInTheSameWeights()
    {
        TensorFlowTestBase.RequireTensorFlow();

        string images = QuickstartProcess.CreateImageFolders(trainImages: 21);
        float[] one = Train(1), two = Train(2), eight = Train(8);

        Assert.That(two, Is.EqualTo(one));
        Assert.That(eight, Is.EqualTo(one));

        float[] Train(int threads)
        {
            string results = TestFiles.NewFolder();
            using var run = QuickstartProcess.Run(["--data", images, "--epochs", "3", "--out", results, "--engine", "tensorflow"], processors: threads);
            Assert.That(run.ExitCode, Is.Zero, string.Join('\n', run.ErrorLines));
            Assume.That(run.Output, Does.Not.Contain("(GPU:"), "A GPU promises no bits.");
            Assert.That(run.Output, Does.Contain($"(CPU, {threads} thread{(threads == 1 ? "" : "s")})").And.Not.Contain("does not give the same bits"));
            return [.. CnnModel.LoadOnnx(Path.Combine(results, "cifar3.onnx")).Weights.SelectMany(weight => weight.Values.ToArray())];
        }
    }

    [Test]
    public void Run_InitFromAnotherNetwork_OneLineAndExitCode1()
    {
        string missing = Path.Combine(TestFiles.NewFolder(), "nowhere.keras");

        using var run = QuickstartProcess.Run(["--data", QuickstartProcess.CreateImageFolders(trainImages: 4), "--out", TestFiles.NewFolder(), "--init-from", missing]);

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.ErrorLines.Single(), Does.StartWith($"Error: Cannot read Keras file '{missing}': The file does not exist"));
    }

    [Test]
    public void ControlC_InMidEpoch_Ends130KeepsTheBestModelAndNoHalfFile()
    {
        Assume.That(OperatingSystem.IsWindows(), Is.False, "Ctrl-C is sent by kill -INT.");
        string results = Path.Combine(TestFiles.NewFolder(), "results");
        using var run = QuickstartProcess.Start(["--data", QuickstartProcess.CreateImageFolders(trainImages: 700), "--epochs", "100000", "--out", results]);
        run.WaitFor("Epoch 1/100000"); // written at the end of the first epoch: the second is running

        run.PressControlC();
        run.WaitForExit();

        Assert.That(run.ExitCode, Is.EqualTo(130), run.Output);
        Assert.That(run.ErrorLines, Has.Length.EqualTo(1));
        Assert.That(run.ErrorLines[0], Does.StartWith("Stopped. The best model so far is kept: ").And.EndWith(".onnx"));
        string kept = run.ErrorLines[0].Split("kept: ")[1];
        Assert.That(CnnModel.LoadOnnx(kept).Metadata.ValAccuracy, Is.Not.Null);
        Assert.That(Directory.GetFiles(results, "*", SearchOption.AllDirectories).Select(Path.GetExtension), Is.SubsetOf(new[] { ".png", ".csv", ".onnx" }));
    }

    [TestCase("TERM", 143)]
    [TestCase("HUP", 129)]
    public void Signal_InMidEpoch_IsTakenAsControlC(string signal, int exitCode)
    {
        Assume.That(OperatingSystem.IsLinux(), "Signals are sent by kill.");
        using var run = QuickstartProcess.Start(["--data", QuickstartProcess.CreateImageFolders(trainImages: 700), "--epochs", "100000", "--out", Path.Combine(TestFiles.NewFolder(), "results")]);
        run.WaitFor("Epoch 1/100000");

        run.Signal(signal);
        run.WaitForExit();

        Assert.That(run.ExitCode, Is.EqualTo(exitCode), run.Output);
        Assert.That(run.ErrorLines, Has.Length.EqualTo(1));
        Assert.That(run.ErrorLines[0], Does.StartWith("Stopped. The best model so far is kept: "));
        Assert.That(CnnModel.LoadOnnx(run.ErrorLines[0].Split("kept: ")[1]).Metadata.ValAccuracy, Is.Not.Null);
    }

    [Test]
    public void Signal_HangUpOfAProgramStartedWithNohup_IsIgnored()
    {
        Assume.That(OperatingSystem.IsLinux(), "Signals are sent by kill.");
        using var run = QuickstartProcess.Start(["--data", QuickstartProcess.CreateImageFolders(trainImages: 100), "--epochs", "100000", "--out", Path.Combine(TestFiles.NewFolder(), "results")], nohup: true);
        run.WaitFor("Epoch 1/100000");

        run.Signal("HUP");
        run.WaitFor($"Epoch {run.Output.Split("Epoch ").Length + 20}/100000");
        run.Signal("TERM");
        run.WaitForExit();

        Assert.That(run.ExitCode, Is.EqualTo(143));
    }

    /// <summary>Nobody reads the progress: the training ends as it would have, the model is there, and the exit code tells what was lost.</summary>
    [TestCase(">/dev/full", "No space left on device")]
    [TestCase(">&-", "")]
    public void Run_ConsoleFullOrClosed_TrainsAllTheSame(string output, string cause)
    {
        Assume.That(OperatingSystem.IsLinux(), "The console is closed by bash.");
        string results = Path.Combine(TestFiles.NewFolder(), "results");

        using var run = QuickstartProcess.Start(["--data", QuickstartProcess.CreateImageFolders(trainImages: 10), "--epochs", "2", "--out", results], output: output);
        run.WaitForExit();

        Assert.That(CnnModel.LoadOnnx(Path.Combine(results, "cifar3.onnx")).Metadata.ValAccuracy, Is.Not.Null);
        Assert.That(File.ReadAllLines(Path.Combine(results, "training.csv")), Has.Length.EqualTo(3));
        Assert.That(run.ExitCode, Is.EqualTo(cause.Length > 0 ? 1 : run.ExitCode), string.Join('\n', run.ErrorLines));
        Assert.That(string.Join('\n', run.ErrorLines), cause.Length > 0 ? Does.StartWith("Error: The program's output could not be written: " + cause) : Does.Not.Contain("Unhandled"));
    }

    /// <summary>The log of a training has reached the largest size that the user's files may have.</summary>
    [Test]
    public void Run_ConsoleRedirectedToAFileAtItsLimit_TrainsAllTheSame()
    {
        Assume.That(OperatingSystem.IsLinux(), "The limit of the file size is set by bash.");
        const int limit = 20_000;
        string folder = TestFiles.NewFolder(), log = Path.Combine(folder, "log"), results = Path.Combine(folder, "results");
        File.WriteAllBytes(log, new byte[limit << 10]);

        using var run = QuickstartProcess.Start(["--data", QuickstartProcess.CreateImageFolders(trainImages: 10), "--epochs", "2", "--out", results], maxFileKilobytes: limit, output: $">>'{log}'");
        run.WaitForExit();

        Assert.That((run.ExitCode, string.Join('\n', run.ErrorLines)), Is.EqualTo((1, "Error: The program's output could not be written: The file system or the limit of this user (ulimit -f) allows no file of this size. What it wrote to files is there.")));
        Assert.That(CnnModel.LoadOnnx(Path.Combine(results, "cifar3.onnx")).Metadata.ValAccuracy, Is.Not.Null);
    }

    [Test]
    public void Run_DiskFullWhileSaving_SaysSoAndLeavesNoHalfFile()
    {
        Assume.That(OperatingSystem.IsLinux(), "The full disk is a limit of the file size, set by bash.");
        string results = Path.Combine(TestFiles.NewFolder(), "results");

        using var run = QuickstartProcess.Run(["--data", QuickstartProcess.CreateImageFolders(trainImages: 10), "--epochs", "1", "--out", results], maxFileKilobytes: 600);

        Assert.That(run.ExitCode, Is.EqualTo(1), run.Output);
        Assert.That(run.ErrorLines, Has.Length.EqualTo(1));
        Assert.That(run.ErrorLines[0], Does.StartWith("Error: Cannot write '").And.Contain(".onnx'").And.Contain("ulimit -f"));
        Assert.That(Directory.GetFiles(results, "*.png"), Is.Not.Empty, "what was complete stays");
        Assert.That(Directory.GetFiles(Path.Combine(results, "checkpoints")), Is.Empty);
    }

    [Test]
    public void Run_ResultsFolderBelowAFile_OneLineAndExitCode1()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "file");
        File.WriteAllText(file, "");

        using var run = QuickstartProcess.Run(["--data", QuickstartProcess.CreateImageFolders(trainImages: 4), "--out", Path.Combine(file, "results")]);

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.ErrorLines, Has.Length.EqualTo(1));
        Assert.That(run.ErrorLines[0], Does.StartWith($"Error: Cannot write '{file}").And.EndWith($"'{file}' is a file, not a folder. No file was written. Name another one."));
    }

    [Test]
    public void Run_EmptyResultsFolder_IsRefusedBeforeTheTraining()
    {
        using var run = QuickstartProcess.Run(["--data", QuickstartProcess.CreateImageFolders(trainImages: 8), "--epochs", "1", "--out", ""]);

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That((run.ErrorLines[0], run.Output.Contains("1. Data", StringComparison.Ordinal)), Is.EqualTo(("--out is empty. Name a folder.", false)));
    }

    [Test]
    public void Run_MissingData_OneLineAndExitCode1()
    {
        string missing = Path.Combine(TestFiles.NewFolder(), "nowhere");

        using var run = QuickstartProcess.Run(["--data", missing, "--out", TestFiles.NewFolder()]);

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.ErrorLines, Has.Length.EqualTo(1));
        Assert.That(run.ErrorLines[0], Does.StartWith("Error: ").And.Contain(missing));
        Assert.That(run.Output, Does.Not.Contain("   at ").And.Not.Contain("ynthetic"));
    }

    [Test]
    public void Run_EpochsOutOfRange_OneLineAndExitCode1()
    {
        using var run = QuickstartProcess.Run(["--data", QuickstartProcess.CreateImageFolders(trainImages: 4), "--epochs", "0", "--out", TestFiles.NewFolder()]);

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.ErrorLines.Single(), Does.Contain("must be 1 to 100,000. Received: Epoch=0"));
    }
}
