using System.Reflection;
using Cifar3.Training;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Cifar3.Tests;

/// <summary>null where no null may be is the caller's mistake, and the exception says so: no method of the libraries fails somewhere inside instead.</summary>
public sealed class NullArgumentTests
{
    private static readonly NullabilityInfoContext Nullability = new();

    private static readonly CnnModel Model = TestModels.Random(filters: [1, 1, 1]);

    private static readonly TrainingResult Result = FakeTrainer.Create(new TrainerOptions { Epoch = 1 }).Fit(ColourImages.Create(40));

    /// <summary>Something of every type that a method may ask for beside the null; what is not here is made with its parameterless constructor.</summary>
    private static readonly object[] Samples =
    [
        "x", new byte[3072], new int[1], Model, ImageSet(), new MLContext(seed: 1), ImageSet().ToDataView(), new ModelMetadata { ClassNames = ["a", "b", "c"] },
        new CnnArchitecture(), Model.Weights, Model.Weights[0], new[] { "a", "b", "c" }, new[] { 1f, 1, 1 }, new[] { .5, .5, .5 }, Cifar3Classifier.FromModel(Model), new TrainerOptions(), new ClassifierOptions(),
        new OnnxExportOptions { Flavor = OnnxFlavor.Optimized }, Prediction(), new[] { Prediction() }, new MemoryStream(), new Cifar3.Training.History([new EpochLog(1, 1, .5, null, null, .001, 1)]),
        new Cifar3Exception("x"), MLImage.CreateFromPixels(1, 1, MLPixelFormat.Rgba32, [1, 2, 3, 4]), TimeSpan.FromSeconds(1), new MLContext().Transforms.ApplyCifar3(Model, "Pixels"),
        new Cifar3Trainer(), new MLContext().Data, new MLContext().Transforms, new MLContext().MulticlassClassification.Trainers, new MLContext().MulticlassClassification.Trainers.Cifar3Cnn(), new Diagnosis([], true),
        new MLContext().Transforms.ApplyCifar3(Model, "Pixels").Fit(ImageSet().ToDataView()), ImageSet().ToDataView().Schema, new ManagedEngine(Model), EngineState.Initial(Model), new ImageData(ImageSet(), ImageSet(), "x"),
        ClassificationReport.Create(ImageSet(), [Prediction(), Prediction(), Prediction()]), Result, new Action<CancellationToken>(_ => { }), new Func<CancellationToken, int>(_ => 0), new[] { ("red", 1f) },
        new TrainingContext(new TrainerOptions(), TrainingPlan.Create(new TrainerOptions(), 3), Model, new ManagedEngine(Model), ImageSet(), null), new[] { new LearningRateSchedulerItem(0, 1) },
    ];

    private static IEnumerable<TestCaseData> Arguments()
    {
        foreach (var type in new[] { typeof(CnnModel).Assembly, typeof(Cifar3Trainer).Assembly }.SelectMany(library => library.GetExportedTypes()).Where(type => !type.Name.StartsWith('<') && !typeof(Exception).IsAssignableFrom(type)))
        {
            foreach (var method in type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly).OfType<MethodBase>().Where(IsCallable))
            {
                foreach (var parameter in method.GetParameters().Where(MayNotBeNull))
                {
                    yield return new TestCaseData(method, parameter).SetArgDisplayNames($"{type.Name}.{method.Name}({string.Join(", ", method.GetParameters().Select(p => p.ParameterType.Name))})", parameter.Name!);
                }
            }
        }
    }

    [Test]
    public void Arguments_AreFound() => Assert.That(Arguments().Count(), Is.GreaterThan(60));

    [TestCaseSource(nameof(Arguments))]
    public void Null_WhereNoneMayBe_IsAnArgumentException(MethodBase method, ParameterInfo argument)
    {
        object? target = method.IsStatic || method is ConstructorInfo ? null : Sample(method.DeclaringType!);
        object?[] arguments = [.. method.GetParameters().Select(p => p.Position == argument.Position ? null : p.HasDefaultValue ? Default(p) : Sample(p.ParameterType))];

        var error = Assert.Catch(() =>
        {
            object? result = method is ConstructorInfo constructor ? constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, arguments, null) : method.Invoke(target, BindingFlags.DoNotWrapExceptions, null, arguments, null);
            (result as IDisposable)?.Dispose();
        });

        Assert.That(error, Is.InstanceOf<ArgumentException>());
    }

    private static TestCaseData[] Lists() =>
    [
        List("FromWeights", () => CnnModel.FromWeights(Model.Architecture, [null!, .. Model.Weights], Model.Metadata)),
        List("With", () => Model.With([.. Model.Weights, null!])),
        List("Create", () => ClassificationReport.Create(ImageSet(), [Prediction(), null!, Prediction()])),
        List("Create, the first", () => ClassificationReport.Create(ImageSet(), [null!, Prediction(), Prediction()])),
        List("ToPng", () => ExampleGrid.ToPng(ImageSet(), [Prediction(), Prediction(), null!], "x")),
        List("InitialState", () => _ = new Cifar3Trainer(new TrainerOptions { InitialModel = Model, InitialState = EngineState.Initial(Model) with { AdamM = [null!] } })),
        List("InitialState without", () => _ = new Cifar3Trainer(new TrainerOptions { InitialModel = Model, InitialState = EngineState.Initial(Model) with { AdamV = null! } })),
        List("InitialState without weights", () => _ = new Cifar3Trainer(new TrainerOptions { InitialModel = Model, InitialState = EngineState.Initial(Model) with { Weights = null! } })),
        List("SaveKeras", () => Model.SaveKeras(Path.Combine(TestFiles.NewFolder(), "m.keras"), EngineState.Initial(Model) with { Weights = [null!] })),
    ];

    [TestCaseSource(nameof(Lists))]
    public void Null_WithinAList_IsAnArgumentException(TestDelegate use) => Assert.That(Assert.Catch(use), Is.InstanceOf<ArgumentException>().With.Message.Contains("null").And.Not.TypeOf<ArgumentNullException>());

    private static TestCaseData List(string what, TestDelegate use) => new TestCaseData(use).SetArgDisplayNames(what);

    private static object? Default(ParameterInfo parameter) =>
        parameter.DefaultValue is null && parameter.ParameterType.IsValueType ? Activator.CreateInstance(parameter.ParameterType) : parameter.DefaultValue;

    private static object Sample(Type type) =>
        Samples.FirstOrDefault(type.IsInstanceOfType) ?? (type.IsValueType || type.GetConstructor(Type.EmptyTypes) is not null ? Activator.CreateInstance(type)! : throw new NotSupportedException($"no sample of {type}"));

    /// <summary>Not what the compiler writes (records take what they are given), nor what the trainer alone calls, nor what spans keep reflection from.</summary>
    private static bool IsCallable(MethodBase method) =>
        !(method is ConstructorInfo && method.DeclaringType!.GetMethod("<Clone>$") is not null)
        && !(method.DeclaringType is { Name: nameof(GpuEngine) or nameof(TensorFlowEngine) } && method is MethodInfo { IsStatic: false }) // want a device
        && !(method.DeclaringType!.IsAssignableTo(typeof(Callback)) && method is MethodInfo) && method.Name != nameof(LearningRateScheduler.GetLearningRate)
        && !method.IsAbstract && !method.ContainsGenericParameters && !(method is MethodInfo && method.IsSpecialName && method.Name != "get_Item") && method.Name is not ("Equals" or "Deconstruct" or "PrintMembers")
        && !method.GetParameters().Any(p => p.ParameterType.IsByRefLike || p.ParameterType.IsByRef);

    private static bool MayNotBeNull(ParameterInfo parameter) => !parameter.ParameterType.IsValueType && Nullability.Create(parameter).WriteState == NullabilityState.NotNull;

    private static ImageSet ImageSet() => new(new byte[3 * 3072], [0, 1, 2], ["aeroplane", "car", "bird"]);

    private static Prediction Prediction() => new(["aeroplane", "car", "bird"], [1, 0, 0]);
}
