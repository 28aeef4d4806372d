namespace Cifar3.Training;

/// <summary>The piece of a batch that one thread works on: images First to End − 1, which are shard Shard, with Worker's scratch memory.</summary>
internal readonly record struct ImageRange(int First, int End, int Shard, int Worker);
