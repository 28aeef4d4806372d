using System.Runtime.ExceptionServices;

namespace Cifar3.Training;

/// <summary>
/// Inference on many images in batches, several of them at once: each operator of a run keeps one thread busy, and TensorFlow shares its
/// threads among the runs of a session.
/// </summary>
internal static unsafe class InferenceBatches
{
    /// <summary>Runs all batches, in any order.</summary>
    /// <typeparam name="T">What a batch's run gives.</typeparam>
    /// <param name="images">Pixels [total, 32, 32, 3].</param>
    /// <param name="total">Number of images.</param>
    /// <param name="batch">Images a batch; the last one may have fewer.</param>
    /// <param name="atOnce">How many runs at once.</param>
    /// <param name="run">Gets the number of the batch's first image, the batch as a tensor, and its number of images.</param>
    /// <returns>The batches' results in the order of the images.</returns>
    /// <exception cref="TensorFlowException">A run was refused: the first refusal.</exception>
    public static T[] Run<T>(ReadOnlySpan<byte> images, int total, int batch, int atOnce, Func<int, Tensor, int, T> run)
    {
        var results = new T[(total + batch - 1) / batch];
        fixed (byte* pixels = images)
        {
            byte* start = pixels; // pinned until all runs have ended
            try
            {
                Parallel.For(0, results.Length, new ParallelOptions { MaxDegreeOfParallelism = atOnce }, i =>
                {
                    int first = i * batch, count = Math.Min(batch, total - first);
                    using var tensor = Tensor.Create(
                        DataType.UInt8,
                        new ReadOnlySpan<byte>(start + (long)first * CnnArchitecture.ImageBytes, count * CnnArchitecture.ImageBytes),
                        count,
                        CnnArchitecture.InputSize,
                        CnnArchitecture.InputSize,
                        CnnArchitecture.InputChannels);
                    results[i] = run(first, tensor, count);
                });
            }
            catch (AggregateException e)
            {
                ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            }
        }

        return results;
    }
}
