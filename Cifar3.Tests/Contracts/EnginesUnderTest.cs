using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The engines that the contract and the golden tests run over. A new engine joins by one line in <see cref="All"/>.</summary>
internal static class EnginesUnderTest
{
    private static readonly EngineUnderTest[] All =
    [
        new("Reference", (model, options) => new ReferenceEngine(model, options), IsFast: false),
        new("Managed", (model, options) => new ManagedEngine(model, options)),
        .. SimdLevels.Available.Skip(1).Select(level => new EngineUnderTest($"Managed {level}", (model, options) => new ManagedEngine(model, options, level), IsFast: false)),
        new("TensorFlow", (model, options) => new TensorFlowEngine(model, options), WhyAbsent: TensorFlowTestBase.WhyAbsent),
        new("GPU", GpuTestBase.CreateEngine, IsFast: false, WhyAbsent: GpuTestBase.WhyAbsent),
    ];

    /// <summary>Test fixture arguments.</summary>
    public static IEnumerable<string> Names => All.Select(engine => engine.Name);

    /// <summary>Those of them that take fifty steps with full batches in a few seconds.</summary>
    public static IEnumerable<string> FastNames => All.Where(engine => engine.IsFast).Select(engine => engine.Name);

    /// <summary>The engine of a name; skips the test, with the reason, where it cannot run on this machine.</summary>
    public static EngineUnderTest Require(string name)
    {
        var engine = All.Single(e => e.Name == name);
        if (engine.WhyAbsent?.Invoke() is { } reason)
        {
            Assert.Ignore($"The {name} engine is absent: {reason}");
        }

        return engine;
    }
}

/// <summary>One engine to test.</summary>
/// <param name="Name">Name of the test fixtures.</param>
/// <param name="Create">Makes it.</param>
/// <param name="IsFast">Whether fifty steps with full batches take a few seconds.</param>
/// <param name="WhyAbsent">The reason why it cannot run on this machine, or null where it can.</param>
internal sealed record EngineUnderTest(string Name, Func<CnnModel, EngineOptions, ITrainingEngine> Create, bool IsFast = true, Func<string?>? WhyAbsent = null);
