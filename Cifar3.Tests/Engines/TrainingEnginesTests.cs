using System.Globalization;
using Cifar3.Training;

namespace Cifar3.Tests;

public sealed class TrainingEnginesTests
{
    private static readonly CnnModel Tiny = CnnModel.Create(["a", "b"], filters: [1, 2, 3]);

    [Test]
    public void Create_Managed_GivesTheManagedEngine()
    {
        using var engine = TrainingEngines.Create(TrainingEngine.Managed, Tiny, new EngineOptions { Threads = 1 });

        Assert.That(engine, Is.TypeOf<ManagedEngine>());
        Assert.That(engine.Device, Does.StartWith("CPU, ").And.EndsWith(", 1 thread"));
    }

    [Test]
    public void Create_TensorFlow_GivesItOrNamesThePackages()
    {
        if (TensorFlowTestBase.WhyAbsent() is null)
        {
            using var engine = TrainingEngines.Create(TrainingEngine.TensorFlow, Tiny, TensorFlowTestBase.Options);
            Assert.That(engine, Is.TypeOf<TensorFlowEngine>());
        }
        else
        {
            Assert.That(() => TrainingEngines.Create(TrainingEngine.TensorFlow, Tiny, new EngineOptions()), Throws.TypeOf<TensorFlowException>().With.Message.Contains("SciSharp.TensorFlow.Redist"));
        }
    }

    [Test]
    public void Create_AutoWithoutACard_TakesTensorFlowOnlyForAGpu()
    {
        using var engine = TrainingEngines.CreateAuto(SimdLevels.Best, Tiny, TensorFlowTestBase.Options, () => null);

        Assert.That(engine, Is.TypeOf(engine.Device.StartsWith("CPU", StringComparison.Ordinal) ? typeof(ManagedEngine) : typeof(TensorFlowEngine)));
    }

    [Test]
    public void Create_AutoWithACard_TakesIt()
    {
        var cuda = new FakeCuda();

        using var engine = TrainingEngines.CreateAuto(SimdLevels.Best, Tiny, new EngineOptions(), () => cuda.Open());

        Assert.That(engine, Is.TypeOf<GpuEngine>());
        Assert.That(engine.Device, Does.Contain("Fake H100"));
    }

    /// <summary>A card that has no memory left, or a driver too old for the kernels: the training goes on, on the processor.</summary>
    [Test]
    public void Create_AutoWithACardThatRefuses_IsManaged()
    {
        using var engine = TrainingEngines.CreateAuto(SimdLevels.Best, Tiny, new EngineOptions(), () => throw new GpuException("The card refused.", 2));

        Assert.That(engine, Is.TypeOf<ManagedEngine>());
    }

    [Test]
    public void Create_AutoWithTheCpuDemanded_IsManaged()
    {
        using var engine = TrainingEngines.CreateAuto(
            SimdLevels.Best, Tiny, TensorFlowTestBase.Options with { TensorFlow = new TensorFlowOptions { Device = TensorFlowDevice.Cpu } }, () => throw new InvalidOperationException("The card is not asked."));

        Assert.That(engine, Is.TypeOf<ManagedEngine>());
    }

    /// <summary>Who demands a GPU would rather have an error than hours on the processor.</summary>
    [Test]
    public void Create_AutoWithAGpuDemanded_IsRefusedWithoutOne()
    {
        var demanding = TensorFlowTestBase.Options with { TensorFlow = TensorFlowTestBase.Options.TensorFlow with { Device = TensorFlowDevice.Gpu } };
        Assume.That(TensorFlowEngine.HasGpu(demanding), Is.False, "TensorFlow has a GPU here.");

        Assert.That(() => TrainingEngines.CreateAuto(SimdLevels.Best, Tiny, demanding, () => null), Throws.TypeOf<TensorFlowException>());
        Assert.That(() => TrainingEngines.CreateAuto(SimdLevels.Best, Tiny, demanding, () => throw new GpuException("The card refused.", 2)), Throws.TypeOf<GpuException>().With.Message.EqualTo("The card refused."));
    }

    [Test]
    public void Create_AutoWithOptionsThatAreRefused_OpensNoCard()
    {
        TestDelegate create = () => TrainingEngines.CreateAuto(SimdLevels.Best, Tiny, new EngineOptions { MaxBatchSize = 0 }, () => throw new InvalidOperationException("The card is not asked."));

        Assert.That(create, Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("MaxBatchSize"));
    }

    [Test]
    public void Create_NullInTheOptions_IsNamed([Values(TrainingEngine.Auto, TrainingEngine.Managed)] TrainingEngine kind)
    {
        Assert.That(() => TrainingEngines.Create(kind, Tiny, new EngineOptions { TensorFlow = null! }), Throws.TypeOf<ArgumentNullException>().With.Message.Contains("TensorFlow"));
        Assert.That(() => TrainingEngines.Create(kind, Tiny, new EngineOptions { FrozenLayers = null! }), Throws.TypeOf<ArgumentNullException>().With.Message.Contains("FrozenLayers"));
    }

    /// <summary>A null hid every unknown name behind it.</summary>
    [Test]
    public void Create_NullAmongTheFrozenLayers_IsRefused()
    {
        TestDelegate create = () => TrainingEngines.Create(TrainingEngine.Managed, Tiny, new EngineOptions { Threads = 1, FrozenLayers = [null!, "no such layer"] });

        Assert.That(create, Throws.TypeOf<ArgumentException>().With.Message.Contains("FrozenLayers names a layer that the model does not have").And.Message.Contains("Received: null."));
    }

    [Test]
    public void TrainStep_BadLearningRate_IsToldInEveryLanguageTheSame()
    {
        using var engine = TrainingEngines.Create(TrainingEngine.Managed, Tiny, new EngineOptions { Threads = 1 });
        var before = CultureInfo.CurrentCulture;
        var withCommas = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        withCommas.NumberFormat.NumberDecimalSeparator = ",";
        CultureInfo.CurrentCulture = withCommas;
        try
        {
            Assert.That(() => engine.TrainStep(new byte[CnnArchitecture.ImageBytes], [0], -.5f, 1), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.EqualTo("The learning rate must be above 0 and finite. Received: -0.5. (Parameter 'learningRate')"));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Test]
    public void Create_UnknownKind_IsRefused() =>
        Assert.That(() => TrainingEngines.Create((TrainingEngine)99, Tiny, new EngineOptions()), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("Managed"));
}
