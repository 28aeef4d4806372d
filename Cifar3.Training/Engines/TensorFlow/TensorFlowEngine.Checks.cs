namespace Cifar3.Training;

/// <summary>Arguments are checked before TensorFlow sees them: it would not check shapes, and a GPU not even labels.</summary>
public sealed partial class TensorFlowEngine
{
    private static void Validate(EngineOptions options)
    {
        if (options.MaxBatchSize is < 1 or > 1024)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.MaxBatchSize, "MaxBatchSize must be 1 to 1,024.");
        }

        if (options.Threads is < 0 or > 1024)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Threads, "Threads must be 0 (one for each processor) to 1,024.");
        }

        if (options.TensorFlow.GpuIndex < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.TensorFlow.GpuIndex, "GpuIndex must be 0 or more.");
        }
    }

    private void CheckBatch(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, int most)
    {
        int count = CountImages(images);
        if (count != labels.Length)
        {
            throw new ArgumentException($"{count:N0} images need as many labels. Received: {labels.Length:N0}.", nameof(labels));
        }

        if (most != int.MaxValue && (count == 0 || count > most))
        {
            throw new ArgumentException($"A training batch has 1 to MaxBatchSize={most} images. Received: {count:N0}.", nameof(images));
        }

        int bad = labels.IndexOfAnyExceptInRange(0, model.Architecture.Classes - 1);
        if (bad >= 0)
        {
            throw new ArgumentException($"Label {labels[bad]} of image {bad:N0} is out of range. Expected 0 to {model.Architecture.Classes - 1}.", nameof(labels));
        }
    }

    private static int CountImages(ReadOnlySpan<byte> images) => images.Length % CnnArchitecture.ImageBytes == 0
        ? images.Length / CnnArchitecture.ImageBytes
        : throw new ArgumentException($"Pixels must be whole images of {CnnArchitecture.ImageBytes:N0} bytes (32x32x3). Received: {images.Length:N0} bytes.", nameof(images));
}
