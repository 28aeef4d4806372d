namespace Cifar3.Training;

/// <summary>What the layers of one engine share.</summary>
/// <param name="Arena">Owner of the memory.</param>
/// <param name="Parameters">Where weights and gradients lie.</param>
/// <param name="Pool">The threads.</param>
/// <param name="Work">Each thread's scratch memory.</param>
/// <param name="Images">The largest batch, at least <see cref="Shards.Max"/>.</param>
/// <param name="Options">The dropout masks' seed, and which layers are frozen.</param>
internal sealed record LayerContext(Arena Arena, ParameterTable Parameters, WorkerPool Pool, WorkBuffers Work, int Images, EngineOptions Options);

/// <summary>Each thread's scratch memory, one for all layers so that it stays in the thread's cache: as large as the layer that needs most.</summary>
internal sealed unsafe class WorkBuffers(Arena arena, int workers)
{
    private readonly WinogradWork[] work = new WinogradWork[workers];
    private readonly double*[] sums = new double*[workers];
    private long inputFloats, outputFloats, sumCount;

    /// <summary>Says what a layer needs; before <see cref="Allocate"/>.</summary>
    public void Reserve(in WinogradShape shape)
    {
        inputFloats = Math.Max(inputFloats, shape.InputFloats);
        outputFloats = Math.Max(outputFloats, shape.OutputFloats);
        sumCount = Math.Max(sumCount, 2 * shape.Outputs);
    }

    /// <summary>Allocates what all layers reserved.</summary>
    public void Allocate()
    {
        for (int worker = 0; worker < work.Length; worker++)
        {
            work[worker] = new WinogradWork(
                arena.Floats($"V {worker}", inputFloats), arena.Floats($"M {worker}", outputFloats), arena.Floats($"tile {worker}", WinogradMap.ScratchFloats));
            sums[worker] = arena.Doubles($"sums {worker}", sumCount);
        }
    }

    /// <summary>A thread's buffers for tiles.</summary>
    public ref readonly WinogradWork Of(int worker) => ref work[worker];

    /// <summary>A thread's doubles: 2 for each output channel.</summary>
    public double* Sums(int worker) => sums[worker];
}
