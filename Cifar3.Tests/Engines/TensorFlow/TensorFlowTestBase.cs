using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>A fixture that needs TensorFlow's C library; without it all its tests are skipped with the reason.</summary>
public abstract class TensorFlowTestBase
{
    internal static readonly string[] Names = ["aeroplane", "car", "bird"];

    /// <summary>
    /// One number of threads for all tests of the process: TensorFlow keeps that of the first session.
    /// </summary>
    internal static EngineOptions Options { get; } = new() { Seed = 3, Threads = 2, MaxBatchSize = 64 };

    /// <summary>The reason why these tests cannot run here; null where the library is there. One that is named but cannot be loaded is a failure, not a reason.</summary>
    internal static string? WhyAbsent()
    {
        bool named = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CIFAR3_TENSORFLOW"));
        if (!named && !TensorFlowEngine.IsAvailable)
        {
            return "CIFAR3_TENSORFLOW is not set: this test needs TensorFlow's C library.";
        }

        TensorFlowEngine.GetInfo(Options);
        return null;
    }

    [OneTimeSetUp]
    public static void RequireTensorFlow()
    {
        if (WhyAbsent() is { } reason)
        {
            Assert.Ignore(reason);
        }
    }

    /// <summary>Images that a few steps can learn: noise around a brightness that tells the class.</summary>
    internal static (byte[] Images, int[] Labels) Batch(int count, int classes = 3, int seed = 0)
    {
        var random = new PhiloxRandom(seed, RandomStreams.Examples);
        var images = new byte[count * CnnArchitecture.ImageBytes];
        int[] labels = [.. Enumerable.Range(0, count).Select(_ => random.Next(classes))];
        for (int i = 0; i < images.Length; i++)
        {
            images[i] = (byte)(random.Next(128) + 127 * labels[i / CnnArchitecture.ImageBytes] / (classes - 1));
        }

        return (images, labels);
    }

    /// <summary>A small network, fast to train.</summary>
    internal static CnnModel SmallModel(int classes = 3, double dropout = 0.5, params int[] filters) =>
        CnnModel.Create(Enumerable.Range(0, classes).Select(i => $"c{i}"), seed: 1, filters: filters.Length == 0 ? [4, 6, 8] : filters, dropoutRates: [dropout, dropout, dropout]);

    /// <summary>SHA-256 over weights and moments: equal exactly when all bits are.</summary>
    internal static string Hash(EngineState state) =>
        string.Join(' ', new[] { state.Weights, state.AdamM, state.AdamV }.Select(group => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(
            [.. group.SelectMany(tensor => System.Runtime.InteropServices.MemoryMarshal.AsBytes(tensor.Values).ToArray())]))));
}
