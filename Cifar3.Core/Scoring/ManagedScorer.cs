using System.Globalization;

namespace Cifar3;

/// <summary>
/// Scores with the library's own kernels: no native runtime, any operating system and processor that .NET runs on. Gives the bits of the
/// managed training engine on the same instruction set, however images are grouped and whatever the number of threads.
/// </summary>
/// <remarks>
/// Thread-safe: calls at the same time do not wait for each other; one of them has the helper threads, the others compute on their own.
/// Warm calls allocate nothing. A dispose during calls waits for none and frees the memory when the last of them ends.
/// </remarks>
internal sealed unsafe class ManagedScorer : IScorer
{
    private readonly Arena arena = new();
    private readonly ForwardNetwork network;
    private readonly WorkerPool pool;
    private readonly Stack<ForwardBuffers> idle = new();
    private readonly Action<int, int> scorePiece, runPart;
    private readonly object helpers = new(); // held by the call that has the pool
    private readonly int width; // of a row: the classes, and the familiarity
    private readonly bool familiarity;
    private readonly UseCount uses;

    // The batch of the call that has the pool.
    private byte* pixels;
    private float* probabilities;
    private int count, pieceSize;
    private ForwardBuffers? shared; // of the one image that is shared

    /// <summary>Prepares a model's weights.</summary>
    /// <param name="model">The model; later changes are impossible, it is immutable.</param>
    /// <param name="threads">Threads that one call may use, its own included. 0: one for each processor.</param>
    /// <param name="owner">What errors after a dispose call it. Default: this class.</param>
    /// <param name="familiarity">Whether rows have it, ln Σ exp(logit), after the probabilities. Default: false.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    public ManagedScorer(CnnModel model, int threads = 0, Type? owner = null, bool familiarity = false)
        : this(model, threads, SimdLevels.Best, owner, familiarity)
    {
    }

    internal ManagedScorer(CnnModel model, int threads, SimdLevel simd, Type? owner = null, bool familiarity = false)
    {
        if (threads < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(threads), threads, $"The number of threads must be 0 (one for each processor) or more. Received: {threads}.");
        }

        pool = new WorkerPool(threads == 0 ? Environment.ProcessorCount : threads);
        network = ForwardNetwork.Load(simd, arena, model);
        this.familiarity = familiarity;
        width = model.Architecture.Classes + (familiarity ? 1 : 0);
        scorePiece = (piece, _) => ScorePiece(piece);
        runPart = (stage, part) => network.RunPart(stage, part, ForwardBuffers.Parts, shared!);
        uses = new UseCount(owner ?? typeof(ManagedScorer), Free);
    }

    /// <summary>Ends the threads that a forgotten Dispose left.</summary>
    ~ManagedScorer() => pool?.Dispose();

    /// <inheritdoc/>
    public ScoringBackend Backend => ScoringBackend.Managed;

    /// <inheritdoc/>
    public int PieceSize => ForwardNetwork.MaxImages;

    /// <inheritdoc/>
    public int Threads => pool.Threads;

    /// <summary>The vectors that it computes with, such as <c>AVX2</c>.</summary>
    public string SimdName => network.SimdName;

    /// <summary>Version, processor, vectors and threads in words.</summary>
    public string Device => string.Create(CultureInfo.InvariantCulture, $"Managed {ModelMetadata.CurrentVersion}, CPU, {network.SimdName}, {pool.Threads} {(pool.Threads == 1 ? "thread" : "threads")}");

    /// <summary>
    /// Probabilities of any number of images. Few images (a piece or less for each thread) cost few threads. Two threads share one image, where no
    /// other call is running; it does not wait for the second to wake up.
    /// </summary>
    /// <param name="pixels">[N, 32, 32, 3], uint8.</param>
    /// <param name="probabilities">Receives [N, classes].</param>
    /// <exception cref="ArgumentException">The pixels are not whole images, or the probabilities are not one a class and image.</exception>
    /// <exception cref="ObjectDisposedException">The scorer is disposed.</exception>
    public void Score(ReadOnlySpan<byte> pixels, Span<float> probabilities)
    {
        int images = Check(pixels, probabilities);
        uses.Enter();
        try
        {
            fixed (byte* from = pixels)
            fixed (float* to = probabilities)
            {
                if ((images > 1 || (images == 1 && uses.IsSingle)) && pool.Threads > 1 && Monitor.TryEnter(helpers))
                {
                    try
                    {
                        if (images > 1)
                        {
                            Share(from, to, images);
                        }
                        else
                        {
                            ShareOne(from, to);
                        }
                    }
                    finally
                    {
                        Monitor.Exit(helpers);
                    }
                }
                else
                {
                    Score(from, to, images);
                }
            }
        }
        finally
        {
            uses.Exit();
        }
    }

    /// <summary>The same on the calling thread alone, for callers that share the processors out themselves.</summary>
    /// <remarks>A piece takes milliseconds, so it is not cut short.</remarks>
    /// <inheritdoc cref="Score(ReadOnlySpan{byte}, Span{float})"/>
    public void ScorePiece(ReadOnlySpan<byte> pixels, Span<float> probabilities, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        int images = Check(pixels, probabilities);
        uses.Enter();
        try
        {
            fixed (byte* from = pixels)
            fixed (float* to = probabilities)
            {
                Score(from, to, images);
            }
        }
        finally
        {
            uses.Exit();
        }
    }

    /// <summary>Buffers that a kernel wrote beyond; always none.</summary>
    internal IReadOnlyList<string> FindOverruns()
    {
        lock (idle)
        {
            return [.. arena.FindOverruns(), .. idle.SelectMany(buffers => buffers.FindOverruns())];
        }
    }

    /// <summary>No further call begins. Further calls throw <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        uses.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Share(byte* from, float* to, int images)
    {
        pixels = from;
        probabilities = to;
        (count, pieceSize) = (images, ForwardNetwork.PieceSize(images, pool.Threads));
        pool.Run((images + pieceSize - 1) / pieceSize, scorePiece);
    }

    private void ShareOne(byte* from, float* to)
    {
        shared = Rent();
        pool.BeginStages();
        try
        {
            network.Begin(from, shared);
            for (int stage = 0; stage < ForwardNetwork.Stages; stage++)
            {
                if (pool.IsAssisted)
                {
                    pool.RunStage(stage, ForwardBuffers.Parts, runPart);
                }
                else
                {
                    network.RunPart(stage, 0, 1, shared);
                }
            }

            network.Finish(to, shared, familiarity);
        }
        finally
        {
            pool.EndStages();
            Return(shared);
            shared = null;
        }
    }

    private void ScorePiece(int piece)
    {
        int first = piece * pieceSize;
        Score(pixels + (long)first * CnnArchitecture.ImageBytes, probabilities + (long)first * width, Math.Min(pieceSize, count - first));
    }

    private void Score(byte* from, float* to, int images)
    {
        var buffers = Rent();
        for (int first = 0; first < images; first += PieceSize)
        {
            network.Run(from + (long)first * CnnArchitecture.ImageBytes, null, Math.Min(PieceSize, images - first), to + (long)first * width, null, buffers, familiarity);
        }

        Return(buffers);
    }

    private ForwardBuffers Rent()
    {
        lock (idle)
        {
            if (idle.TryPop(out var buffers))
            {
                return buffers;
            }
        }

        return network.CreateBuffers();
    }

    private void Return(ForwardBuffers buffers)
    {
        lock (idle)
        {
            idle.Push(buffers);
        }
    }

    private int Check(ReadOnlySpan<byte> pixels, ReadOnlySpan<float> probabilities)
    {
        int images = pixels.Length / CnnArchitecture.ImageBytes;
        if (pixels.Length % CnnArchitecture.ImageBytes != 0)
        {
            throw new ArgumentException($"Images must be whole: {CnnArchitecture.ImageBytes:N0} bytes each (32x32x3). Received: {pixels.Length:N0} bytes.", nameof(pixels));
        }

        if (probabilities.Length != (long)images * width)
        {
            throw new ArgumentException($"{images:N0} images need {width} numbers each, {(long)images * width:N0} in all. Received: {probabilities.Length:N0}.", nameof(probabilities));
        }

        return images;
    }

    private void Free()
    {
        pool.Dispose();
        arena.Dispose();
        while (idle.TryPop(out var buffers))
        {
            buffers.Dispose();
        }
    }
}
