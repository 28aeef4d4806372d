namespace Cifar3.Training;

/// <summary>The list of training engines. A new engine is one folder beside this file and one line in <see cref="CreateOn"/>.</summary>
public static class TrainingEngines
{
    /// <summary>Creates an engine that starts from a model's weights, at step 0.</summary>
    /// <param name="kind">Which engine; <see cref="TrainingEngine.Auto"/> takes the best of this machine.</param>
    /// <param name="model">The network and its initial weights.</param>
    /// <param name="options">Seed, threads and batch size.</param>
    /// <returns>The engine; the caller disposes it.</returns>
    /// <exception cref="TensorFlowException">TensorFlow was asked for, and its library is absent or unusable.</exception>
    /// <exception cref="GpuException">A GPU was asked for, and there is none, or its driver refused.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The kind is unknown, or an option is outside its range.</exception>
    public static ITrainingEngine Create(TrainingEngine kind, CnnModel model, EngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        return CreateOn(SimdLevels.Best, kind, model, options);
    }

    /// <summary>The same with the instruction set that the managed engine shall have.</summary>
    internal static ITrainingEngine CreateOn(SimdLevel simd, TrainingEngine kind, CnnModel model, EngineOptions options) => kind switch
    {
        TrainingEngine.Auto => CreateAuto(simd, model, options, GpuSearch.TryOpenCard),
        TrainingEngine.Managed => new ManagedEngine(model, options, simd),
        TrainingEngine.TensorFlow => new TensorFlowEngine(model, options),
        TrainingEngine.Gpu => new GpuEngine(model, options),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, $"There is no training engine {kind}. Expected one of: {string.Join(", ", Enum.GetNames<TrainingEngine>())}."),
    };

    /// <summary>NVIDIA's card where there is one that works, TensorFlow where its library shows a GPU, else the CPU; the CPU, too, where the options demand it, and an error where they demand a GPU and there is none.</summary>
    /// <param name="simd">The instruction set that the managed engine shall have.</param>
    /// <param name="model">The network and its initial weights.</param>
    /// <param name="options">Seed, threads and batch size.</param>
    /// <param name="openCard">Opens NVIDIA's card; null where there is none.</param>
    internal static ITrainingEngine CreateAuto(SimdLevel simd, CnnModel model, EngineOptions options, Func<GpuDevice?> openCard)
    {
        EngineChecks.Options(options, model); // before a card is opened: nobody would give it back
        bool demandsGpu = options.TensorFlow.Device == TensorFlowDevice.Gpu;
        if (options.TensorFlow.Device != TensorFlowDevice.Cpu)
        {
            try
            {
                if (openCard() is { } card)
                {
                    return new GpuEngine(model, options, () => card);
                }
            }
            catch (GpuException) when (!demandsGpu)
            {
                // An old driver, or a card whose memory others have: the engine's name tells that it is the CPU, and TrainingEngine.Gpu tells why.
            }
        }

        return CreateOn(simd, demandsGpu || TensorFlowEngine.HasGpu(options) ? TrainingEngine.TensorFlow : TrainingEngine.Managed, model, options);
    }
}
