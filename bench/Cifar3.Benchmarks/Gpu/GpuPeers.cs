namespace Cifar3.Benchmarks;

/// <summary>PyTorch with cuDNN on the same card: eager, compiled, as a CUDA graph; TF32 off and on.</summary>
internal static class GpuPeers
{
    public static void Run(WorkFolder folder, IReadOnlyList<int> batches, int steps, string device, GpuFindings findings)
    {
        if (PeerProcess.TryStartPython("torch_gpu.py", [folder.Path, device], null, out string? missing, showsGpus: true) is not { } torch)
        {
            findings.Add("PyTorch", $"not here: {missing}");
            return;
        }

        using (torch)
        {
            foreach (string mode in new[] { "eager", "compiled", "graph" })
            {
                foreach (string tf32 in new[] { "off", "on" })
                {
                    foreach (int batch in batches)
                    {
                        var answer = torch.Ask($"time {mode} {tf32} {batch} {steps}");
                        string what = $"{torch.Name}, {mode}, TF32 {tf32}: step of {batch}, ms";
                        findings.Add(what, answer.TryGetProperty("failed", out var reason) ? reason.GetString()! : FormattableString.Invariant($"{answer.GetProperty("seconds").GetDouble() * 1e3:0.###}"));
                    }
                }
            }
        }
    }
}
