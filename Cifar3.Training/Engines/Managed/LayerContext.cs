namespace Cifar3.Training;

/// <summary>What the layers of one engine share.</summary>
/// <param name="Arena">Owner of the memory.</param>
/// <param name="Parameters">Where weights and gradients lie.</param>
/// <param name="Pool">The threads.</param>
/// <param name="Work">Each thread's scratch memory.</param>
/// <param name="Images">The largest batch, at least <see cref="Shards.Max"/>.</param>
/// <param name="Options">The dropout masks' seed, and which layers are frozen.</param>
internal sealed record LayerContext(Arena Arena, ParameterTable Parameters, WorkerPool Pool, WorkBuffers Work, int Images, EngineOptions Options);
