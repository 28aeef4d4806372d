using System.Diagnostics;
using System.Globalization;
using Cifar3.AspNetCore;
using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>The numbers and the code of docs/limits.md.</summary>
public sealed class LimitsPageTests
{
    private static readonly string Page = new DocPage("docs/limits.md").Text;

    /// <summary>Each row's first cell, and its second with the code's own numbers.</summary>
    private static IEnumerable<TestCaseData> Rows()
    {
        // Pictures
        yield return Row("encoded size", $"{Mib(ImageDecoder.MaxFileBytes)}; what does not begin as a picture is refused after at most {BoundedReader.ReadAtOnce >> 10} KiB");
        yield return Row("size in pixels", $"{ImageDecoder.DefaultMaxPixels >> 20} Mi (8,192×8,192), {ImageDecoder.DefaultMaxPixels / (1 << 20) * ImageDecoder.OneScanTimes} Mi of a JPEG file that is not progressive, {N(ImageDecoder.MaxSide)} a side, refused before memory is taken", $"`ClassifierOptions.MaxImagePixels`, up to {(ImageDecoder.LargestMaxPixels + 1) >> 20} Mi; of such a JPEG file eight times as many");
        yield return Row("memory of one picture", $"4 to {ImageDecoder.BytesPerPixel} bytes a pixel");
        yield return Row("PNG chunks beside the pixels", $"more than {PictureParts.MaxPngChunk >> 10} KiB or {PictureParts.MaxPngChunks} of them");
        yield return Row("JPEG scans", $"{PictureParts.MaxJpegScans}; in pictures above {PictureParts.MaxJpegWork / PictureParts.MaxJpegScans / 1e6:F1} megapixels fewer, never fewer than 16");
        yield return Row("GIF blocks before the first frame (comments, texts)", $"more than {PictureParts.MaxGifBlocks}");

        // Folders, CIFAR-10
        yield return Row("classes", $"{CnnArchitecture.MinClasses} to {CnnArchitecture.MaxClasses}");
        yield return Row("images in memory", $"{N(ImageFolderReader.MaxImages)} a set");
        yield return Row("decoded pixels kept for another run (cross-validation, sweeps)", $"{N(DecodedFiles.MaxImages)} pictures");
        yield return Row("memory of reading an archive or a folder of batches, whatever its content", $"{CifarSource.MaxMemory / 1_000_000} MB");
        yield return Row("unpacked size of an archive", Mib(CifarSource.MaxUnpacked));
        yield return Row("images in one batch file", N(CifarBatch.MaxImages));
        yield return Row("extended headers in an archive", $"{Mib(TarEntries.MaxExtendedHeader)} each");
        yield return Row("a Python batch file", $"{Mib(PythonBatchReader.MaxBytes)}; {N(PickleReader.MaxSteps)} opcodes");

        // ONNX
        yield return Row("the file; all weights in other files together", $"{Mib(OnnxFile.MaxBytes)} each");
        yield return Row("entries of its protobuf structure, counted before it is parsed (a node, weight or text counts as ten)", N(ProtobufLimits.MaxEntries));
        yield return Row("nodes; weights; dimensions of an array; side of a kernel", $"{N(GraphCheck.MaxNodes)}; {N(GraphCheck.MaxWeights)}; {GraphCheck.MaxRank}; {GraphShapes.MaxKernel}");
        yield return Row("work and activations for an image, summed over the whole graph before ONNX Runtime sees it", $"{new ClassifierOptions().MaxModelCost} times this network's ({NetworkCost.Default.Operations / 1e6:F1} million multiplications, {NetworkCost.Default.Activations / 1e6:F1} million numbers)");
        yield return Row("a text of the metadata; a class name; the history", $"{N(ModelMetadata.MaxTextLength)} characters; {N(ModelMetadata.MaxNameLength)}; {N(OnnxMetadata.MaxHistoryLength)}, of at most {N(ModelMetadata.MaxEpochs)} epochs");
        yield return Row("list of class names beside it", Mib(ClassNamesFile.MaxBytes));
        yield return Row("memory of reading", $"{OnnxFile.MemoryTimes} times the file");

        // Keras
        yield return Row("the file", $"{KerasFile.MaxFileSize >> 30} GiB");
        yield return Row("memory of reading", $"{KerasFile.MemoryTimes} times the file");
        yield return Row("`.keras`: entries; architecture and metadata, unpacked", $"{N(KerasArchive.MaxEntries)}; {Mib(KerasArchive.MaxConfig)} and {KerasArchive.MaxTextExpansion} times");
        yield return Row("`.keras`: weights, unpacked", $"for each weight of the architecture and {Mib(KerasArchive.Spare)}; {KerasArchive.MaxExpansion} times");
        yield return Row("the entry `cifar3` of this library's own files: a text; a class name", $"{N(ModelMetadata.MaxTextLength)} characters; 1 to {N(ModelMetadata.MaxNameLength)}");
        yield return Row("HDF5: objects; messages of an object; links of all groups", $"{N(Hdf5Structure.MaxObjects)}; {N(Hdf5Structure.MaxMessages)}; {N(Hdf5Structure.MaxLinks)}");
        yield return Row("HDF5: one structure around the data, but for texts; all of them; texts in attributes", $"{Mib(Hdf5Structure.MaxBlock)}; {Mib(Hdf5Structure.MaxTotal)}; {Mib(Hdf5Reader.MaxStrings)}, where a text counts as {Hdf5Reader.LeastString} bytes or more");
        yield return Row("HDF5: steps through groups, over all paths that are looked for", N(Hdf5Reader.MaxSteps));
        yield return Row("HDF5: chunks and filters, unpacked", $"{Hdf5Data.MaxExpansion} times the file");

        // Training
        yield return Row("`training.checkpoint`", $"{TrainingCheckpoint.MaxModels} times the network's weights, and {Mib(TrainingCheckpoint.SpareBytes)}", $"one a byte and {N(CheckpointFile.SpareEntries)}, at most {N(CheckpointFile.MaxEntries)}");
        yield return Row("epochs; images in a step", $"{N(TrainingSettings.MaxEpoch)}; {N(TrainingSettings.MaxBatchSize)}");
        yield return Row("`run.json`", Mib(RunFolder.MaxRecordBytes));

        // The service
        var service = new Cifar3ModelOptions();
        yield return Row("a picture; a request; pictures of a request", $"{Mib(service.MaxImageBytes)}; {Mib(service.MaxRequestBytes)}; {service.MaxBatch}");
        yield return Row("pixels of a picture", N(service.Classifier.MaxImagePixels));
        yield return Row("requests that compute; that wait", $"one a processor; {service.MaxQueue}");

        static TestCaseData Row(string what, params string[] expected) => new TestCaseData(what, expected).SetArgDisplayNames(what, expected[0]);
    }

    [TestCaseSource(nameof(Rows))]
    public void Page_Row_HasTheCodesNumbers(string what, string[] expected)
    {
        string[] rows = [.. Page.Split('\n').Where(line => line.StartsWith($"| {what} |", StringComparison.Ordinal))];

        Assert.That(rows, Is.Not.Empty, $"no row '{what}'");
        Assert.That(rows.Any(row => expected.All(number => row.Contains(number, StringComparison.Ordinal))), $"expected {string.Join(" and ", expected)}, found {string.Join('\n', rows)}");
    }

    [Test]
    public void Page_OtherNumbers_AreTheCodes()
    {
        Assert.That(Page, Does.Contain($"cut to {Shown.MaxLength} characters (paths: {2 * Shown.MaxLength}; lists: {Shown.MaxItems} items)"));
        Assert.That(Page, Does.Contain($"the exit codes {ConsoleProgram.Interrupted}, {ConsoleProgram.Terminated} and {ConsoleProgram.HungUp}"));
        Assert.That(Page, Does.Contain($"`{TrainingCheckpoint.FileName}`").And.Contain($"`{TrainingWorkspace.LockName}`"));
    }

    [Test]
    [Platform("Linux")]
    [CancelAfter(300_000)]
    public void Page_ProgramThatIsTerminated_LeavesModelAndCheckpoint()
    {
        string folder = TestFiles.NewFolder(), checkpoint = Path.Combine(folder, TrainingCheckpoint.FileName);
        var terminate = Task.Run(() =>
        {
            while (!File.Exists(checkpoint))
            {
                Thread.Sleep(20);
            }

            using var self = Process.GetCurrentProcess();
            self.Signal("TERM"); // the program's, for it is running
        });

        int exitCode = Program(folder, ColourImages.Create(8), ColourImages.Create(4, seed: 1));

        terminate.Wait();
        Assert.That(exitCode, Is.EqualTo(ConsoleProgram.Terminated));
        Assert.That(CnnModel.LoadOnnx(Path.Combine(folder, "best.onnx")).Metadata.ValAccuracy, Is.Not.Null);
        Assert.That(Directory.GetFiles(folder).Select(Path.GetFileName), Is.EquivalentTo(new[] { "best.onnx", TrainingCheckpoint.FileName }));

        static int Program(string folder, ImageSet train, ImageSet validation)
        {
            // docs/limits.md
            return ConsoleProgram.Run(cancel =>
            {
                var best = new ModelCheckpoint(Path.Combine(folder, "best.onnx"));
                var options = new TrainerOptions { Epoch = 1000, WorkspacePath = folder, Resume = true, Callbacks = [new ProgressBar(), best] };
                new Cifar3Trainer(options).Fit(train, validation, cancel); // cancelled: best.onnx and the checkpoint are there
            });
            // end
        }
    }

    [Test]
    public void Page_LabelsInAList_AreLearnt()
    {
        string folder = TestFiles.NewFolder();
        UserFolder.WriteImages(folder, "nut, hexagonal", "screw", "washer");
        var files = Directory.GetFiles(folder, "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => Path.GetRelativePath(folder, file));
        File.WriteAllLines(Path.Combine(folder, "labels.csv"), files.Select(file => $"\"{file}\",\"{Path.GetFileName(Path.GetDirectoryName(file))}\"").Prepend("file,kind"));

        // docs/limits.md
        var context = new MLContext(seed: 1);
        var list = context.Data.LoadFromTextFile($"{folder}/labels.csv", new TextLoader.Options
        {
            HasHeader = true,
            Separators = [','],
            AllowQuoting = true, // names with commas stand in quotation marks
            Columns = [new("File", DataKind.String, 0), new("Kind", DataKind.String, 1)],
        });
        var parts = context.Data.TrainTestSplit(list, testFraction: 0.25);
        var pipeline = context.Transforms.Conversion.MapValueToKey("Label", "Kind")
            .Append(context.Transforms.LoadRawImageBytes("Features", imageFolder: folder, "File"))
            .Append(context.MulticlassClassification.Trainers.Cifar3Cnn(new Cifar3CnnTrainer.Options { Epoch = 30 }));
        var fitted = pipeline.Fit(parts.TrainSet);
        double accuracy = context.MulticlassClassification.Evaluate(fitted.Transform(parts.TestSet)).MicroAccuracy;
        // end

        Assert.That(fitted.LastTransformer.Model.ClassNames, Is.EquivalentTo(new[] { "nut, hexagonal", "screw", "washer" }));
        Assert.That(accuracy, Is.GreaterThan(.9));
    }

    private static string N(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Mib(long bytes) => $"{N(bytes >> 20)} MiB";
}
