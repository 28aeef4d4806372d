namespace Cifar3.Benchmarks;

/// <summary>Starts the contenders of a subject on one folder of work, remembers which are missing and why, and ends them.</summary>
/// <param name="folder">The images and the model.</param>
/// <param name="packages">Folder of Python packages with Keras; null = that of <c>CIFAR3_PEERS</c>, else the system's Python alone.</param>
internal sealed class PeerGroup(WorkFolder folder, string? packages = null) : IDisposable
{
    private readonly string? packages = packages ?? Environment.GetEnvironmentVariable("CIFAR3_PEERS");
    private readonly List<PeerProcess> peers = [];
    private readonly List<string> missing = [];

    /// <summary>The peers that are not here, a line each with the reason.</summary>
    public IReadOnlyList<string> Missing => missing;

    /// <summary>One of this library's engines, or ONNX Runtime: a kind of <see cref="WorkerCommand"/>.</summary>
    public PeerProcess? Worker(string kind, int threads, params (string Variable, string Value)[] environment) => Keep(
        kind,
        PeerProcess.TryStartSelf([WorkerCommand.Name, kind, folder.Path, $"{threads}"], environment.ToDictionary(pair => pair.Variable, pair => pair.Value), out string? reason),
        reason);

    /// <summary>PyTorch of the system's Python.</summary>
    public PeerProcess? Torch(string mode, int threads) => Keep(
        $"PyTorch {mode}",
        PeerProcess.TryStartPython("torch_cnn.py", [folder.Path, $"{threads}", mode], null, out string? reason),
        reason);

    /// <summary>Keras on TensorFlow.</summary>
    public PeerProcess? Keras(string mode, int threads) => Keep(
        $"Keras {mode}",
        PeerProcess.TryStartPython("keras_cnn.py", [folder.Path, $"{threads}", mode], packages, out string? reason),
        reason);

    /// <summary>Notes a peer that is not even started.</summary>
    public PeerProcess? LeaveOut(string name, string reason) => Keep(name, null, reason);

    public void PrintMissing()
    {
        foreach (string line in missing)
        {
            Console.WriteLine($"Missing: {line}");
        }
    }

    public void Dispose()
    {
        foreach (var peer in peers)
        {
            peer.Dispose();
        }
    }

    private PeerProcess? Keep(string name, PeerProcess? peer, string? reason)
    {
        if (peer is null)
        {
            missing.Add($"{name}: {reason}");
            return null;
        }

        peers.Add(peer);
        return peer;
    }
}
