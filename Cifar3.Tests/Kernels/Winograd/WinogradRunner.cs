using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Buffers of one convolution, filled from a <see cref="WinogradProblem"/>, and its passes through the kernels at a fixed width and tile.</summary>
internal sealed unsafe class WinogradRunner<V, TTile> : IDisposable
    where V : struct, ISimd<V>
    where TTile : struct, IWinogradTile
{
    private readonly Arena arena = new();
    private readonly WinogradProblem problem;

    public WinogradRunner(WinogradProblem problem, int capacity)
    {
        this.problem = problem;
        Shape = WinogradShape.Of<TTile>(problem.Inputs, problem.Outputs, problem.Height, problem.Width, problem.Border, capacity);
        var (height, width) = Shape.InputExtent;
        (height, width) = (Math.Max(height - problem.Border, problem.InHeight), Math.Max(width - problem.Border, problem.InWidth));
        X = new Plane(arena, "x", problem.Images, height, width, problem.Inputs, problem.Border);
        Dx = new Plane(arena, "dx", problem.Images, height, width, problem.Inputs, problem.Border);
        Y = new Plane(arena, "y", problem.Images, problem.Height, problem.Width, problem.Outputs, 0);
        G = Copy(problem.G);
        Bias = Copy(problem.Bias);
        U = Floats(Shape.WeightFloats);
        Ut = Floats(Shape.WeightFloats);
        Du = Floats(Shape.WeightFloats);
        Dg = Floats(problem.G.Length);
        Db = arena.Doubles("db", problem.Outputs);
        Sums = arena.Doubles("sums", 2 * problem.Outputs);
        Work = new WinogradWork(Floats(Shape.InputFloats), Floats(Shape.OutputFloats), Floats(WinogradMap.ScratchFloats));
        Fill(X, problem.X, problem.InHeight, problem.InWidth);
        new Span<float>(Du, (int)Shape.WeightFloats).Fill(float.NaN); // the first block must not read it
    }

    public WinogradShape Shape { get; }

    public Plane X { get; }

    public Plane Dx { get; }

    public Plane Y { get; }

    public float* G { get; }

    public float* Bias { get; }

    public float* U { get; }

    public float* Ut { get; }

    public float* Du { get; }

    public float* Dg { get; }

    public double* Db { get; }

    public double* Sums { get; }

    public WinogradWork Work { get; }

    private int Tiles => problem.Images * Shape.TilesPerImage;

    public void Forward<TSink>(TSink sink)
        where TSink : struct, IWinogradSink
    {
        WinogradWeights.Forward<V, TTile>(Shape, G, 0, problem.Outputs, U, Work.Scratch);
        WinogradConvolution.Forward<V, TTile, TSink>(Shape, X, U, 0, Tiles, in sink, Work);
    }

    public void Backward<TSource>(TSource source)
        where TSource : struct, IWinogradSource
    {
        WinogradWeights.Transpose<V, TTile>(Shape, G, 0, problem.Outputs, Ut, Work.Scratch);
        WinogradConvolution.Backward<V, TTile, TSource>(Shape, X, in source, Ut, 0, Tiles, Dx, Du, false, Db, Work);
        WinogradWeights.Backward<V, TTile>(Shape, Du, 0, problem.Inputs, Dg, Work.Scratch);
    }

    /// <summary>The same gradients the other way: blocks kept, in two halves as if of two shards, and dU summed point by point.</summary>
    public void BackwardKeepingBlocks<TSource>(TSource source)
        where TSource : struct, IWinogradSource
    {
        WinogradWeights.Transpose<V, TTile>(Shape, G, 0, problem.Outputs, Ut, Work.Scratch);
        int half = problem.Images / 2 * Shape.TilesPerImage, blocks = (Tiles + Shape.Capacity - 1) / Shape.Capacity;
        foreach (var (first, end) in new[] { (0, half), (half, Tiles) })
        {
            var kept = new WinogradWork(Floats(blocks * Shape.InputFloats), Floats(blocks * Shape.OutputFloats), null);
            WinogradConvolution.BackwardKeepingBlocks<V, TTile, TSource>(Shape, X, in source, Ut, first, end, Dx, kept, Db, Work);
            for (int point = 0; point < Shape.Points; point++)
            {
                WinogradConvolution.WeightGradient<V>(Shape, kept, end - first, point, Du, add: first > 0);
            }
        }

        WinogradWeights.Backward<V, TTile>(Shape, Du, 0, problem.Inputs, Dg, Work.Scratch);
    }

    public float[] Read(Plane plane, int height, int width)
    {
        var values = new float[problem.Images * height * width * plane.Channels];
        for (int i = 0; i < problem.Images * height; i++)
        {
            new ReadOnlySpan<float>(plane.At(i / height, i % height), width * plane.Channels).CopyTo(values.AsSpan(i * width * plane.Channels));
        }

        return values;
    }

    public void Fill(Plane plane, float[] values, int height, int width)
    {
        for (int i = 0; i < problem.Images * height; i++)
        {
            values.AsSpan(i * width * plane.Channels, width * plane.Channels).CopyTo(new Span<float>(plane.At(i / height, i % height), width * plane.Channels));
        }
    }

    public Plane NewPlane(int height, int width) => new(arena, "plane", problem.Images, height, width, problem.Outputs, 0);

    public float* Floats(long count) => arena.Floats("floats", count);

    public byte* Bytes(byte[] values)
    {
        byte* memory = arena.Allocate("bytes", values.Length);
        values.CopyTo(new Span<byte>(memory, values.Length));
        return memory;
    }

    public float* Copy(float[] values)
    {
        float* memory = Floats(values.Length);
        values.CopyTo(new Span<float>(memory, values.Length));
        return memory;
    }

    public void Dispose() => arena.Dispose();
}
