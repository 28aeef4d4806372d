using System.Text.RegularExpressions;

namespace Cifar3.Tests;

/// <summary>
/// The tables of docs/from-keras.md: every row names the tests that hold it, so that no row stands there unproved, and every spelling that
/// <see cref="KerasSpellingTests"/> tries stands in a row that says of it what happens there.
/// </summary>
public sealed partial class FromKerasPageTests
{
    /// <summary>A row by the beginning of its first cell; spellings tried with real Keras; tests by name.</summary>
    private static readonly (string Row, string[] Spellings, string[] Tests)[] Proofs =
    [
        ("Sequential, Functional", ["plain", "functional", "functional_named", "nested_sequential", "nested_front", "nested_whole", "functional_in_sequential", "sequential_in_functional", "branch", "dropout_in_inference"], []),
        ("class names", [], [nameof(KerasSaveTests.Load_NamesOfTheFileInAnotherOrder_AreRefused)]),
        ("filter counts", ["fixed_batch", "long_names", "slashes", "slashes_nested"], [nameof(KerasLoadTests.Load_OtherFiltersClassesAndDropout_AreTaken), nameof(KerasRefusalTests.Load_OtherLayerNames_AreTaken), nameof(KerasRefusalTests.Load_NumberOutOfRange_TellsTheRange)]),
        ("BatchNormalization with other", ["norm_settings"], []),
        ("`Activation`, `ReLU`", ["activation_layers", "relu_layers", "relu_function", "zero_padding"], []),
        ("a last layer without softmax", ["logits"], []),
        ("augmentation in front", ["augmentation", "noise", "regularizer"], []),
        ("no dropout layer", ["no_dropout"], []),
        ("`trainable=False`", ["frozen"], []),
        ("`Rescaling(1/255)` in front", ["rescaling_255", "augmentation_rescaling"], []),
        ("neither in front", [], [nameof(KerasConventionTests.Load_FileThatDoesNotScaleItsInput_SaysWhatIsAssumed)]),
        ("another `Rescaling` or `Normalization` without shift", ["rescaling_127", "normalization_scale", "normalization_adapted", "normalization_over_all", "normalization_over_all_adapted"], []),
        ("`Rescaling` or `Normalization` with a shift", ["rescaling_shift", "normalization_shift"], []),
        ("`data_format=", [], [nameof(KerasConventionTests.Load_ChannelsFirst_ComputesTheSame)]),
        ("`padding=\"same\"` of a pooling", [], [nameof(KerasConventionTests.Load_PoolingWithPaddingThatDoesNothing_IsTaken), nameof(KerasRefusalTests.Load_OneSettingDiffers_NamesLayerExpectedAndFound)]),
        ("dilation, groups", ["dilated", "leaky", "relu6", "sigmoid"], [nameof(KerasRefusalTests.Load_KerasFileOfAnotherNetwork_NamesTheFirstDifference), nameof(KerasRefusalTests.Load_OneSettingDiffers_NamesLayerExpectedAndFound)]),
        ("Lambda layers", [], [nameof(KerasRefusalTests.Load_LambdaBehindOtherDifferences_IsStillNamedFirst), nameof(KerasRefusalTests.Load_CustomObject_IsRefusedByName), nameof(KerasRefusalTests.Load_LayerOfAnotherModule_IsRefusedByName)]),
        ("float16, bfloat16", ["mixed_float16", "bfloat16", "float64", "big_endian", "accents", "japanese", "gzip", "chunks", "new_format"], [nameof(KerasDamageTests.Load_OtherFloats_AreConvertedWithANote), nameof(Hdf5FilterTests.Load_BitFlippedInAChunk_FailsItsChecksum)]),
        ("other HDF5 filters", ["lzf", "new_chunks"], [nameof(KerasDamageTests.Load_LinkToAnotherPlace_IsNotFollowed), nameof(KerasDamageTests.Load_ChunksOfHdf5110_SaysThatItIsNotDamagedAndHowToConvertIt)]),
        ("Adam with Keras' settings", [], [nameof(KerasLoadTests.Load_TrainedModel_HasAdamsState), nameof(KerasLoadTests.Load_EngineTakesKerasState_AndContinuesThere)]),
        ("any other optimizer", [], [nameof(KerasRefusalTests.Load_AnotherOptimizer_LeavesItsStateOutAndSaysWhy), nameof(KerasConventionTests.Load_OptimizerThatLooksLikeAdam_IsLeftOut)]),
        ("weights alone", [], [nameof(KerasConventionTests.Load_WeightsAloneOfKeras_TakeTheStateOnlyWhenAsked), nameof(KerasLoadTests.Load_WeightsAlone_TakesTheGivenDropoutRatesOrSaysWhatIsAssumed), nameof(KerasVariableTests.Load_WeightsAloneWithAnAdaptedNormalization_AreRefusedWithARemedy)]),
        ("variables beside", [], [nameof(KerasVariableTests.Load_VariableBesideTheNetworks_IsNamed), nameof(KerasRefusalTests.Load_SettingOfAnotherType_IsRefused), nameof(KerasRefusalTests.Load_SettingThatStandsThereTwice_IsRefused)]),
        ("damage, zip bombs", [], [nameof(KerasDamageTests.Load_ZipBomb_IsNotUnpacked), nameof(KerasConventionTests.Load_ManyLinksToOneHeader_IsRefusedAtOnce), nameof(KerasMutationTests.Load_DamagedFile_GivesAModelOrAClearError)]),
    ];

    private static readonly (string Row, string[] Tests)[] Generations =
    [
        ("Keras 1", [nameof(KerasConventionTests.Load_Keras1_SaysWhatToDo)]),
        ("Keras 2.2 to 2.3", [nameof(KerasConventionTests.Load_TheanoBackend_TurnsKernelsAndTheirMoments), nameof(KerasLoadTests.Load_EveryGeneration_HasKerasWeightsBitForBit)]),
        ("TensorFlow 2.0 to 2.15", [nameof(KerasLoadTests.Load_EveryGeneration_HasKerasWeightsBitForBit), nameof(KerasSpellingTests.Load_EverySpelling_PredictsAsKerasOrSaysWhyNot)]),
        ("Keras 3", [nameof(KerasLoadTests.Load_EveryGeneration_HasKerasWeightsBitForBit), nameof(KerasSpellingTests.Load_EverySpelling_PredictsAsKerasOrSaysWhyNot)]),
    ];

    private static readonly DocPage Page = new("docs/from-keras.md");

    [Test]
    public void Table_EveryRow_HasItsTests()
    {
        AssertRows(Page.Table("in the file"), [.. Proofs.Select(proof => proof.Row)]);
        AssertRows(Page.Table("written by"), [.. Generations.Select(proof => proof.Row)]);
        Assert.That(Proofs.SelectMany(proof => proof.Tests).Concat(Generations.SelectMany(proof => proof.Tests)).Except(Tests()), Is.Empty, "tests that do not exist");
        Assert.That(Proofs.Where(proof => proof.Spellings.Length + proof.Tests.Length == 0), Is.Empty, "rows without a test");
    }

    /// <summary>No spelling is tried in silence: each is in one row, and what the row says of it is what the test expects.</summary>
    [Test]
    public void Table_EverySpellingTried_StandsInARowThatSaysWhatHappens()
    {
        string[] tried = [.. Spelling().Matches(KerasSpellingTests.Script).Select(match => match.Groups[1].Value).Concat(["gzip", "chunks", "big_endian", "float64", "new_format", "lzf", "new_chunks", "bfloat16"])];
        var rows = Page.Table("in the file");

        Assert.That(Proofs.SelectMany(proof => proof.Spellings), Is.EquivalentTo(tried));
        Assert.Multiple(() =>
        {
            foreach (var (row, spellings, _) in Proofs)
            {
                string says = rows.Single(cells => cells[0].StartsWith(row, StringComparison.Ordinal))[1];
                foreach (string spelling in spellings.Where(KerasSpellingTests.Refused.ContainsKey))
                {
                    Assert.That(says, Does.Contain("refused"), $"{spelling} is refused");
                }

                foreach (string spelling in spellings.Where(KerasSpellingTests.Said.ContainsKey))
                {
                    Assert.That(says, Does.Contain("note"), $"{spelling} has a note");
                }

                if (spellings.Length > 0 && !Array.Exists(spellings, KerasSpellingTests.Refused.ContainsKey))
                {
                    Assert.That(says, Does.Not.Contain("refused"), $"{row}: everything tried is read");
                }
            }
        });
    }

    [Test]
    public void Table_Written_NamesEveryFormat() =>
        Assert.That(
            Page.Table("`KerasFormat`").Select(cells => cells[0].Trim('`')),
            Is.EquivalentTo(Enum.GetNames<Training.KerasFormat>().Except([nameof(Training.KerasFormat.Auto)])));

    [Test]
    public void Table_Settings_AreOnesThatThereAre()
    {
        string api = File.ReadAllText(Path.Combine(DocPage.Root, "Cifar3.Tests", "PublicApi", "Cifar3.Training.approved.txt"));
        string[] names = [.. Page.Table("in the notebook").SelectMany(cells => Code().Matches(cells[1])).SelectMany(code => Name().Matches(code.Value)).Select(name => name.Value)];

        Assert.That(names, Has.Length.GreaterThan(20));
        Assert.That(names.Where(name => !Regex.IsMatch(api, $@"\b{name}\b")), Is.Empty, "names that the library does not have");
    }

    private static void AssertRows(IReadOnlyList<string[]> rows, string[] beginnings)
    {
        Assert.That(rows, Has.Count.EqualTo(beginnings.Length), "as many rows as proofs");
        for (int i = 0; i < beginnings.Length; i++)
        {
            Assert.That(rows[i][0], Does.StartWith(beginnings[i]));
        }
    }

    private static IEnumerable<string> Tests() => typeof(FromKerasPageTests).Assembly.GetTypes().Where(type => type.Name.StartsWith("Keras", StringComparison.Ordinal) || type.Name.StartsWith("Hdf5", StringComparison.Ordinal)).SelectMany(type => type.GetMethods()).Select(method => method.Name);

    [GeneratedRegex("`[^`]+`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\b[A-Z][A-Za-z]+\b")]
    private static partial Regex Name();

    [GeneratedRegex("""^    "(\w+)": \(\d+, lambda""", RegexOptions.Multiline)]
    private static partial Regex Spelling();
}
