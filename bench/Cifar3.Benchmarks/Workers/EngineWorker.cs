using System.Diagnostics;
using Cifar3.Training;

namespace Cifar3.Benchmarks;

/// <summary>One of this library's engines as a contender.</summary>
internal sealed class EngineWorker : IWorker
{
    private const int Batch = 128;

    private readonly TrainingEngine kind;
    private readonly int threads;
    private readonly ImageSet train, test;
    private readonly CnnModel model;
    private readonly ITrainingEngine engine;
    private int next;
    private long step;

    public EngineWorker(string kind, WorkFolder folder, int threads)
    {
        this.kind = Enum.Parse<TrainingEngine>(kind, ignoreCase: true);
        this.threads = threads;
        (train, test, model) = (folder.ReadTrain(), folder.ReadTest(), folder.ReadModel());
        engine = TrainingEngines.Create(this.kind, model, new EngineOptions { Seed = 1, Threads = threads, MaxBatchSize = Batch });
    }

    public string Name => $"Cifar3: {engine.Name} ({engine.Device})";

    public object Answer(string request, int count) => request switch
    {
        "train" => Train(count),
        "evaluate" => Evaluate(),
        "recipe" => Recipe(count),
        "allocated" => Allocated(count),
        _ => throw new ArgumentException($"There is no request '{request}'.", nameof(request)),
    };

    public void Dispose() => engine.Dispose();

    private object Train(int steps)
    {
        var clock = Stopwatch.StartNew();
        Steps(steps);
        return new { images = steps * Batch, seconds = clock.Elapsed.TotalSeconds };
    }

    private object Evaluate()
    {
        var clock = Stopwatch.StartNew();
        var result = engine.Evaluate(test.Pixels, test.Labels);
        return new { images = result.Count, seconds = clock.Elapsed.TotalSeconds, correct = result.Correct };
    }

    /// <summary>The notebook's recipe through the trainer, validation after every epoch.</summary>
    private object Recipe(int epochs)
    {
        var clock = Stopwatch.StartNew();
        var options = new TrainerOptions { Recipe = Training.Recipe.Keras, Engine = kind, Threads = threads, Seed = 1, Epoch = epochs };
        var last = new Cifar3Trainer(options).Fit(train, test).History.Epochs[^1];
        return new { seconds = clock.Elapsed.TotalSeconds, accuracy = last.Accuracy, val_accuracy = last.ValAccuracy };
    }

    /// <summary>Managed memory that a step allocates, on all threads: the middle of five counts, because the runtime itself allocates now and then.</summary>
    private object Allocated(int steps)
    {
        double[] counts = new double[5];
        for (int i = 0; i < counts.Length; i++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            Steps(steps);
            counts[i] = (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)steps;
        }

        return new { bytes_a_step = new Measurement("allocated", counts).Median };
    }

    private void Steps(int count)
    {
        for (int i = 0; i < count; i++)
        {
            next = next + Batch > train.Count ? 0 : next;
            engine.TrainStep(train.Pixels.Slice(next * CnnArchitecture.ImageBytes, Batch * CnnArchitecture.ImageBytes), train.Labels.Slice(next, Batch), 1e-3f, ++step);
            next += Batch;
        }
    }
}
