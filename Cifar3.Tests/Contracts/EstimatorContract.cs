using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>
/// The 17 checks that ML.NET's own TestEstimatorCore makes of every estimator (dotnet/machinelearning, TestDataPipeBase.cs), by their order there, and
/// those that it leaves out: cancellation, a second fit, several threads, memory, message text. "Must fail" means ArgumentOutOfRange or InvalidOperation, as there.
/// </summary>
[TestFixtureSource(typeof(EstimatorCase), nameof(EstimatorCase.All))]
internal sealed class EstimatorContract(string name)
{
    private EstimatorCase tested = null!;
    private SchemaShape promised = null!;
    private Cifar3Transformer transformer = null!;
    private ITransformer loaded = null!;
    private DataViewSchema loadedInput = null!;

    private MLContext Context => tested.Context;

    private IEnumerable<IDataView> Inputs => tested.TransformInput is null ? [tested.FitInput] : [tested.FitInput, tested.TransformInput];

    /// <summary>Checks 1, 5 and 6: the schema is promised, the fit works, and so do saving and loading.</summary>
    [OneTimeSetUp]
    public void FitSaveAndLoad()
    {
        tested = EstimatorCase.Create(name);
        promised = tested.Estimator.GetOutputSchema(DataViewContent.Shape(null, tested.FitInput.Schema));
        transformer = tested.Estimator.Fit(tested.FitInput);
        using var zip = new MemoryStream();
        Context.Model.Save(transformer, tested.FitInput.Schema, zip);
        loaded = Context.Model.Load(zip, out loadedInput);
    }

    /// <summary>Check 17: both can be disposed.</summary>
    [OneTimeTearDown]
    public void DisposeBoth()
    {
        (loaded as IDisposable)?.Dispose();
        transformer.Dispose();
    }

    [Test]
    public void Check02_InputForTransformOnly_CannotBeFitted()
    {
        Assume.That(tested.TransformInput, Is.Not.Null, "This estimator needs no more than its transformer.");

        MustFail(() => tested.Estimator.GetOutputSchema(DataViewContent.Shape(null, tested.TransformInput!.Schema)));
        MustFail(() => tested.Estimator.Fit(tested.TransformInput!));
    }

    [Test]
    public void Check03_InvalidInput_CannotBeFitted()
    {
        MustFail(() => tested.Estimator.GetOutputSchema(DataViewContent.Shape(null, tested.InvalidInput.Schema)));
        MustFail(() => tested.Estimator.Fit(tested.InvalidInput));
    }

    [Test]
    public void Check04_OtherInputForFit_CanBeFitted()
    {
        var shuffled = Context.Data.ShuffleRows(tested.FitInput, seed: 1);

        Assert.That(tested.Estimator.GetOutputSchema(DataViewContent.Shape(null, shuffled.Schema)), Is.Not.Empty);
        using var other = tested.Estimator.Fit(shuffled);
        Assert.That(other.Model.ClassNames, Is.EqualTo(transformer.Model.ClassNames));
    }

    [Test]
    public void Check07_OutputSchema_CanBeToldForEveryInput() =>
        Assert.That(Inputs.Select(input => transformer.GetOutputSchema(input.Schema).Count - input.Schema.Count), Is.All.InRange(2, 3));

    [Test]
    public void Check08_RowToRowMapper_HasTheInputsSchemaAndTheOutputSchema()
    {
        Assert.That(((ITransformer)transformer).IsRowToRowMapper, Is.True);
        foreach (var input in Inputs)
        {
            var mapper = transformer.GetRowToRowMapper(input.Schema);
            Assert.That(mapper.InputSchema, Is.SameAs(input.Schema));
            Assert.That(DataViewContent.Describe(mapper.OutputSchema), Is.EqualTo(DataViewContent.Describe(transformer.GetOutputSchema(input.Schema))));
        }
    }

    [Test]
    public void Check09_Loaded_TellsTheSameOutputSchema()
    {
        foreach (var input in Inputs)
        {
            Assert.That(DataViewContent.Describe(loaded.GetOutputSchema(input.Schema)), Is.EqualTo(DataViewContent.Describe(transformer.GetOutputSchema(input.Schema))));
        }
    }

    [Test]
    public void Check10_LoadedInputSchema_IsTheDatas() => Assert.That(DataViewContent.Describe(loadedInput), Is.EqualTo(DataViewContent.Describe(tested.FitInput.Schema)));

    [Test]
    public void Check11And12_TransformedSchemas_AreThoseTold()
    {
        foreach (var input in Inputs)
        {
            string[] told = DataViewContent.Describe(transformer.GetOutputSchema(input.Schema));
            Assert.That(DataViewContent.Describe(transformer.Transform(input).Schema), Is.EqualTo(told));
            Assert.That(DataViewContent.Describe(loaded.Transform(input).Schema), Is.EqualTo(told));
        }
    }

    [TestCase("all")]
    [TestCase("even")]
    [TestCase("odd")]
    [TestCase("each")]
    public void Check13_Values_AreTheSameWhicheverColumnsAreRead(string read)
    {
        foreach (var input in Inputs)
        {
            IDataView own = transformer.Transform(input), other = loaded.Transform(input);
            Assert.That(DataViewContent.Ids(other), Is.EqualTo(DataViewContent.Ids(own)));
            var indices = Enumerable.Range(0, own.Schema.Count).ToList();
            IEnumerable<List<int>> cursors = read switch
            {
                "all" => [indices],
                "even" => [indices.FindAll(i => i % 2 == 0)],
                "odd" => [indices.FindAll(i => i % 2 == 1)],
                _ => indices.Select(i => new List<int> { i }),
            };
            foreach (var columns in cursors)
            {
                var expected = DataViewContent.Read(own, columns.Select(i => own.Schema[i]));
                Assert.That(expected, Has.Count.EqualTo(24));
                DataViewContent.AssertEqual(DataViewContent.Read(other, columns.Select(i => other.Schema[i])), expected, tolerance: 1e-5); // a calibrated model's logits are larger by one over its temperature
            }
        }
    }

    [Test]
    public void Check14_InvalidInput_CannotBeTransformed()
    {
        MustFail(() => transformer.GetOutputSchema(tested.InvalidInput.Schema));
        MustFail(() => transformer.Transform(tested.InvalidInput));
        MustFail(() => loaded.GetOutputSchema(tested.InvalidInput.Schema));
        MustFail(() => loaded.Transform(tested.InvalidInput));
    }

    [Test]
    public void Check15_WhatCanBeFitted_CanBeScored() =>
        Assert.That(() => transformer.Transform(Context.Transforms.DropColumns("Name").Fit(tested.FitInput).Transform(tested.FitInput)), Throws.Nothing);

    [Test]
    public void Check16_PromisedShape_IsTheDelivered() =>
        Assert.That(DataViewContent.Describe(promised), Is.EqualTo(DataViewContent.Describe(DataViewContent.Shape(null, transformer.Transform(tested.FitInput).Schema))));

    [Test]
    public void Beyond_SecondFit_GivesTheSameModel()
    {
        using var second = tested.Estimator.Fit(tested.FitInput);

        Assert.That(second.Model.WeightHash(), Is.EqualTo(transformer.Model.WeightHash()));
    }

    [Test]
    public void Beyond_EightThreadsOverOneTransformer_ReadTheSerialScores()
    {
        var expected = MLNetData.Scores(transformer.Transform(tested.FitInput));
        var actual = new float[8][][];

        Threads.Run(8, thread => actual[thread] = MLNetData.Scores(transformer.Transform(tested.FitInput)));

        foreach (var scores in actual)
        {
            MLNetData.AssertEqual(scores, expected, tolerance: 0);
        }
    }

    [Test]
    public void Beyond_CancelledContext_StopsFit()
    {
        var other = EstimatorCase.Create(name);
        Assume.That(other.TransformInput, Is.Not.Null, "A ready model has nothing to stop: its Fit reads no rows.");
        MLContextCancellation.CancelExecution(other.Context);

        Assert.That(() => other.Estimator.Fit(other.FitInput), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void Beyond_TenThousandPredictions_DoNotGrowMemory()
    {
        using var engine = Context.Model.CreatePredictionEngine<MLNetData.Row, Scored>(transformer);
        var row = Context.Data.CreateEnumerable<MLNetData.Row>(tested.FitInput, reuseRowObject: false).First();
        Predict(1000);
        long before = Environment.WorkingSet;

        Predict(10_000);

        Assert.That(Environment.WorkingSet - before, Is.LessThan(16 << 20));

        void Predict(int times)
        {
            for (int i = 0; i < times; i++)
            {
                engine.Predict(row);
            }

            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    [Test]
    public void Beyond_MessageOfAMissingColumn_NamesItAndThoseThereAre() => Assert.That(
        () => transformer.Transform(tested.InvalidInput),
        Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains($"could not find feature column '{transformer.FeatureColumnName}'. Found: Name, Number, Label"));

    private static void MustFail(TestDelegate action) => Assert.That(action, Throws.TypeOf<ArgumentOutOfRangeException>().Or.TypeOf<InvalidOperationException>());

    private sealed class Scored
    {
        public float[] Score { get; set; } = [];
    }
}
