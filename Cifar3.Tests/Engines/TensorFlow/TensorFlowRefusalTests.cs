using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>
/// What TensorFlow itself refuses, provoked past the engine's own checks: each arrives as one exception with the operator's name, changes
/// nothing, and the next good step gives the loss it would have given.
/// </summary>
public sealed class TensorFlowRefusalTests : TensorFlowTestBase, IDisposable
{
    private GraphHandle handle = null!;
    private Session session = null!;
    private CnnGraph graph = null!;
    private TrainingGraph training = null!;
    private TrainingFeeds feeds = null!;
    private double goodLoss;

    private EngineState initial = null!;

    [OneTimeSetUp]
    public void OpenNetwork()
    {
        handle = TensorFlowApi.TF_NewGraph();
        session = new Session(handle, SessionConfiguration.Write(2, 1, new TensorFlowOptions()));
        graph = new CnnGraph(new GraphBuilder(handle), SmallModel().Layers, BatchStatistics.TwoStage, new EngineOptions());
        feeds = new TrainingFeeds(graph.Inputs, 3, SmallModel().Architecture.Classes);
        training = graph.Training(24);
        initial = EngineState.Initial(SmallModel());
        Import();
        goodLoss = Step();
    }

    /// <summary>All tests share the session: what one left behind would show in the next.</summary>
    [SetUp]
    public void Import()
    {
        Tensor[] values = [.. initial.Weights.Concat(initial.AdamM).Concat(initial.AdamV).Select(w => Tensor.Create(DataType.Float, w.Values, [.. w.Shape.Select(d => (long)d)]))];
        session.Run("import", graph.Variables.All.Select(v => v.ImportValue).ToArray(), values, [], graph.Variables.All.Select(v => v.Import).ToArray());
        Array.ForEach(values, value => value.Dispose());
    }

    [OneTimeTearDown]
    public void Dispose()
    {
        feeds?.Dispose();
        session?.Dispose();
        handle?.Dispose();
    }

    [Test]
    public void Run_LabelOutOfRange_NamesTheLoss()
    {
        using var labels = Tensor.Create<int>(DataType.Int32, [.. Enumerable.Repeat(3, 24)], 24);
        var error = Refused(graph.Inputs.Labels, labels);

        Assert.That(error.OperatorName, Does.Match("^train/parts_3/cross_entropy/[012]$"));
        Assert.That(error.Message, Does.Contain(error.OperatorName!).And.Contain("label value of 3"));
    }

    [Test]
    public void Run_WrongNumberOfLabels_IsOneExceptionWithTheOperator()
    {
        using var labels = Tensor.Create<int>(DataType.Int32, new int[23], 23);
        Assert.That(Refused(graph.Inputs.Labels, labels).OperatorName, Does.StartWith("train/"));
    }

    [Test]
    public void Run_WrongImageShape_IsOneExceptionWithTheOperator()
    {
        using var images = Tensor.Create(DataType.UInt8, new byte[24 * 28 * 28 * 3], 24, 28, 28, 3);
        Assert.That(Refused(graph.Inputs.Images, images).OperatorName, Is.Not.Null);
    }

    [Test]
    public void Run_WrongType_IsOneExceptionWithTheOperator()
    {
        using var images = Tensor.Create(DataType.Float, new float[24 * 32 * 32 * 3], 24, 32, 32, 3);
        Assert.That(Refused(graph.Inputs.Images, images).OperatorName, Is.EqualTo("images"));
    }

    [Test]
    public void Run_MaskOfAnotherBatch_IsOneExceptionWithTheOperator()
    {
        var mask = graph.Inputs.Masks[0];
        using var wrong = Tensor.Create(DataType.Float, new float[23 * 15 * 15 * 4], 23, 15, 15, 4);
        Assert.That(Refused(mask.Placeholder, wrong).OperatorName, Does.Contain("dropout"));
    }

    [Test]
    public void Run_MissingFeed_NamesThePlaceholder()
    {
        var error = Assert.Throws<TensorFlowException>(() => session.Run("a step", feeds.Outputs.AsSpan(1), feeds.Values[1..], [training.Loss.Sum], training.Step));

        Assert.That(error!.OperatorName, Is.EqualTo("images"));
        AssertNextStepIsGood();
    }

    [Test]
    public void Run_ImportOfAnotherShape_NamesTheVariable()
    {
        var variable = graph.Variables["conv2d/kernel"];
        using var wrong = Tensor.Create(DataType.Float, new float[3 * 3 * 3 * 3], 3, 3, 3, 3);

        var error = Assert.Throws<TensorFlowException>(() => session.Run("an import", [variable.ImportValue], [wrong], [], variable.Import));

        Assert.That(error!.OperatorName, Does.Contain("weights/conv2d/kernel"));
        AssertNextStepIsGood();
    }

    [Test]
    public void Run_VariableNeverSet_IsFailedPrecondition()
    {
        using var empty = TensorFlowApi.TF_NewGraph();
        using var other = new Session(empty, SessionConfiguration.Write(2, 1, new TensorFlowOptions()));
        var variables = new GraphVariables(new GraphBuilder(empty), SmallModel().Layers);

        var error = Assert.Throws<TensorFlowException>(() => other.Run("a read", [], [], [variables["dense/bias"].Read]));

        Assert.That(error!.Code, Is.EqualTo(9));
        Assert.That(error.Message, Does.Contain("dense/bias"));
    }

    [Test]
    public void Finish_UnknownDuplicateOrMisusedOperator_NamesItAndLeavesTheGraphUsable()
    {
        var builder = new GraphBuilder(handle);

        Assert.Multiple(() =>
        {
            Assert.That(() => builder.Add("NoSuchOperator", "new/one"), Throws.TypeOf<TensorFlowException>().With.Message.Contains("NoSuchOperator").And.Property("OperatorName").EqualTo("new/one"));
            Assert.That(() => builder.Add("Relu", "images", graph.Inputs.StepSize), Throws.TypeOf<TensorFlowException>().With.Property("OperatorName").EqualTo("images"));
            Assert.That(() => builder.Add("MatMul", "new/two", graph.Inputs.StepSize, graph.Inputs.StepSize), Throws.TypeOf<TensorFlowException>().With.Property("OperatorName").EqualTo("new/two").And.Message.Contains("rank"));
        });
        AssertNextStepIsGood();
    }

    [Test]
    public void NewSession_DamagedConfiguration_IsRefused() =>
        Assert.That(() => new Session(handle, [0xFF, 0xFF, 0xFF]), Throws.TypeOf<TensorFlowException>().With.Property("Code").EqualTo(3));

    [Test]
    public void Span_AfterDispose_Throws()
    {
        var tensor = Tensor.Create<int>(DataType.Int32, [1, 2], 2);
        tensor.Dispose();

        Assert.That(() => tensor.Span<int>().Length, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => session.Run("a step", [graph.Inputs.Labels], [tensor], [training.Loss.Sum]), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>Where the system has no more memory TensorFlow waits ten seconds for some, and gives a tensor all the same, one that lies nowhere: whoever wrote there ended in a NullReferenceException.</summary>
    [Test]
    [Category(TestCategories.Slow)]
    public void Allocate_MoreThanThereIs_SaysHowMuch() =>
        Assert.That(() => Tensor.Allocate(DataType.Float, 1L << 45), Throws.TypeOf<TensorFlowException>().With.Message.Contains("140,737,488,355,328 bytes"));

    private double Step()
    {
        var (images, labels) = Batch(24);
        feeds.Fill(images, labels, [], 0.001f, 0, 1);
        var results = session.Run("a step", feeds.Outputs, feeds.Values, [training.Loss.Sum], training.Step);
        using var loss = results[0];
        return loss.Span<float>()[0];
    }

    /// <summary>A training step with one feed exchanged: asserts that it changes no variable and that the next good step gives the good loss.</summary>
    private TensorFlowException Refused(Output placeholder, Tensor value)
    {
        Tensor[] values = feeds.Values.ToArray();
        values[Array.IndexOf(feeds.Outputs, placeholder)] = value;
        var before = ReadAll();
        var error = Assert.Throws<TensorFlowException>(() => session.Run("the training step", feeds.Outputs, values, [training.Loss.Sum], training.Step))!;
        TestContext.Out.WriteLine(error.Message);
        Assert.That(ReadAll(), Is.EqualTo(before), "moving statistics, moments and weights must be as they were");
        AssertNextStepIsGood();
        return error;
    }

    private void AssertNextStepIsGood() => Assert.That(Step(), Is.EqualTo(goodLoss).Within(1e-4).Percent);

    private float[][] ReadAll()
    {
        var tensors = session.Run("a read", [], [], graph.Variables.All.Select(v => v.Read).ToArray());
        float[][] copies = [.. tensors.Select(tensor => tensor.Span<float>().ToArray())];
        Array.ForEach(tensors, tensor => tensor.Dispose());
        return copies;
    }
}
