using System.Globalization;
using System.Text.RegularExpressions;

namespace Cifar3.Tests;

/// <summary>The code and the bounds of docs/onnx.md.</summary>
public sealed class OnnxPageTests
{
    [Test]
    public void Page_ForeignModels_Load()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        File.WriteAllBytes(path, ForeignOnnxTests.Foreign(TestModels.Random(filters: [4, 4, 8]), _ => { }));

        Assert.That(Named(path), Is.EqualTo(new[] { "airplane", "automobile", "bird" }));
        Assert.That(Normalized(path), Is.EqualTo(3));
    }

    [Test]
    public void Page_Bounds_AreTheCodes()
    {
        string page = new DocPage("docs/onnx.md").Text;
        double million = NetworkCost.Default.Times(new ClassifierOptions().MaxModelCost).Operations / 1e6;

        Assert.That(page, Does.Contain($"{ProtobufLimits.MaxEntries.ToString("N0", CultureInfo.InvariantCulture)} |"));
        Assert.That(page, Does.Contain($"{GraphCheck.MaxNodes.ToString("N0", CultureInfo.InvariantCulture)}; "));
        Assert.That(page, Does.Contain($"{OnnxFile.MaxBytes >> 20} MiB each"));
        Assert.That(million, Is.EqualTo(393).Within(2));
        Assert.That(page, Does.Contain($"`{OnnxMetadata.ScoringFormat[..^2]}` 1").And.Contain("formats `cifar3-cnn` 1 and 2"));
    }

    /// <summary>Rows of the page's tables by the beginning of their first cell, and the tests that hold them.</summary>
    private static readonly (string Row, string[] Tests)[] Files =
        [
            ("this library's, Keras' layers", [nameof(OnnxReaderTests.LoadOnnx_WhatSaveOnnxWrote_IsTheSameModel), nameof(OnnxReaderTests.LoadOnnx_FileWithoutBatchNormalizationSettings_HasKerasDefaults)]),
            ("this library's, `Optimized`", [nameof(OnnxFlavorTests.Load_Flavor_KeepsTheMetadata), nameof(OnnxFlavorTests.LoadOnnx_Flavor_SaysWhatToDoInstead)]),
            ("tf2onnx", [nameof(ForeignOnnxTests.Load_Tf2OnnxOfRealKeras_PredictsAsKerasDoes), nameof(OnnxReaderTests.LoadOnnx_MadeByTf2onnx_SaysSo)]),
            ("PyTorch", [nameof(ForeignOnnxTests.Load_SameNetworkWrittenInAnotherWay_GivesTheSameProbabilities)]),
            ("weights in a file", [nameof(OtherToolsModelTests.Load_WeightsBesideTheFile_AreRead), nameof(OtherToolsModelTests.Load_WeightsThatMayNotBeRead_SaysWhy)]),
            ("anything else", [nameof(OtherFileTests.Open_Bytes_AreNamed), nameof(OtherFileTests.Open_Archive_IsNamedByWhatIsInIt)]),
        ],
        Graphs =
        [
            ("input [N, 32, 32, 3]", [nameof(ForeignOnnxTests.Load_SameNetworkWrittenInAnotherWay_GivesTheSameProbabilities), nameof(OtherToolsModelTests.Load_PreprocessingInTheGraph_IsFedWithWhatItExpects)]),
            ("`Mul`, `Div`", [nameof(OtherToolsModelTests.Load_PreprocessingInTheGraph_IsFedWithWhatItExpects), nameof(OtherToolsModelTests.Load_PreprocessingThatLeavesTheRangeOpen_AsksForIt)]),
            ("`QuantizeLinear` in front", [nameof(InputRangeTests.Load_InputQuantizedAtOnce_IsFedWithTheRangeOfItsSteps), nameof(InputRangeTests.Load_InputQuantizedToAnotherRange_AsksForInputScaling)]),
            ("`Clip` with both bounds", [nameof(InputRangeTests.Load_InputClippedAtOnce_IsFedWithTheRangeOfTheBounds), nameof(InputRangeTests.Load_InputMadeWholeNumbersAtOnce_IsFedWithPixels)]),
            ("several branches", [nameof(InputRangeTests.Load_ScalingInEveryBranch_IsFedWithWhatItExpects), nameof(InputRangeTests.Load_BranchesOfDifferentRanges_AsksForInputScaling)]),
            ("no such beginning", [nameof(OtherToolsModelTests.Load_InputScaling_IsComputedOutsideTheGraph), nameof(OtherToolsModelTests.InputDescription_OfEveryOrigin_SaysLayoutRangeAndWhy)]),
            ("N fixed", [nameof(OtherToolsModelTests.Load_SameNetworkInAnotherForm_GivesTheSameProbabilities), nameof(EachImageByItselfTests.Score_AnyNumberInButAFixedOneOut_IsTheNetwork)]),
            ("computes over the images together", [nameof(EachImageByItselfTests.Load_ComputesOverTheImagesTogether_IsRefused)]),
            ("ends in `Softmax`", [nameof(OtherToolsModelTests.Load_SameNetworkInAnotherForm_GivesTheSameProbabilities), nameof(ForeignOnnxTests.Load_SameNetworkWrittenInAnotherWay_GivesTheSameProbabilities)]),
            ("a second output", [nameof(OtherToolsModelTests.Load_SameNetworkInAnotherForm_GivesTheSameProbabilities)]),
            ("float16 inside", [nameof(OtherToolsModelTests.Load_SameNetworkInAnotherForm_GivesTheSameProbabilities)]),
            ("the layers between", [nameof(Page_Operators_AreTheCodes), nameof(GlobalPoolingTests.Load_GlobalAveragePooling_GivesTheSameProbabilitiesInEveryForm)]),
            ("other operators (`Concat`, `Pad`, …), functions", [nameof(ForeignOnnxTests.Load_GraphThatDoesNotFit_SaysWhatWasFound)]),
        ],
        Programs =
        [
            ("ONNX Runtime 1.31 (.NET)", [nameof(OnnxFlavorTests.Score_OptimizedShippedModel_IsTheFaithfulOnes), nameof(OnnxFlavorTests.Score_Int8AnyFilters_StaysCloseToFloat)]),
            ("onnx 1.23", [nameof(OtherRuntimesTests.Score_OnnxReferenceEvaluator_GivesTheSame)]),
            ("OpenCV 4.6", [nameof(OtherRuntimesTests.Score_OpenCv_GivesTheSame)]),
            ("onnxruntime-node", [nameof(OtherRuntimesTests.Score_OnnxRuntimeNode_GivesTheSame)]),
            ("onnxruntime-web", [nameof(OtherRuntimesTests.Score_OnnxRuntimeWeb_GivesTheSame)]),
        ];

    /// <summary>No row of the page stands there without a test.</summary>
    [Test]
    public void Page_EveryRow_HasItsTests()
    {
        var page = new DocPage("docs/onnx.md");
        string[] tests = [.. typeof(OnnxPageTests).Assembly.GetTypes().SelectMany(type => type.GetMethods()).Where(method => method.IsDefined(typeof(NUnitAttribute), inherit: true)).Select(method => method.Name)];
        foreach (var (heading, proofs) in new[] { ("file", Files), ("in the graph", Graphs), ("program", Programs) })
        {
            var rows = page.Table(heading);
            Assert.That(rows, Has.Count.EqualTo(proofs.Length), $"rows of '{heading}'");
            for (int i = 0; i < proofs.Length; i++)
            {
                Assert.That(rows[i][0], Does.StartWith(proofs[i].Row));
                Assert.That(proofs[i].Tests, Is.Not.Empty.And.SubsetOf(tests));
            }
        }
    }

    [Test]
    public void Page_Operators_AreTheCodes()
    {
        string source = File.ReadAllText(Path.Combine(DocPage.Root, "Cifar3.Core", "Onnx", "Untrusted", "GraphShapes.cs"));
        var read = Regex.Matches(source, "case (\"[A-Z].*):").SelectMany(line => Regex.Matches(line.Groups[1].Value, "\"(\\w+)\"")).Select(name => name.Groups[1].Value);
        string row = new DocPage("docs/onnx.md").Table("in the graph").Single(cells => cells[0].StartsWith("the layers between", StringComparison.Ordinal))[0];

        Assert.That(Regex.Matches(row, "`(\\w+)`").Select(name => name.Groups[1].Value), Is.EquivalentTo(read));
    }

    private static IEnumerable<string> Named(string path)
    {
        // docs/onnx.md
        var options = new ClassifierOptions { ClassNames = ["airplane", "automobile", "bird"] };
        using var classifier = Cifar3Classifier.Load(path, options);
        // end
        return classifier.ClassNames;
    }

    private static int Normalized(string path)
    {
        // docs/onnx.md
        var torch = new ClassifierOptions
        {
            ClassNames = ["airplane", "automobile", "bird"],
            InputScaling = InputScaling.Normalize(mean: [0.4914f, 0.4822f, 0.4465f], std: [0.2470f, 0.2435f, 0.2616f]),
        };
        using var normalized = Cifar3Classifier.Load(path, torch);
        // end
        return normalized.PredictPixels(new byte[CnnArchitecture.ImageBytes]).Probabilities.Length;
    }
}
