using System.Runtime.Intrinsics.X86;

namespace Cifar3.Benchmarks;

/// <summary>Who takes part in <c>step</c>; null for a peer that is not here.</summary>
/// <param name="Managed">The managed engine, two threads, the widest vectors of the processor.</param>
/// <param name="OneThread">The same with one thread.</param>
/// <param name="Avx2">The same with two threads and AVX-512 switched off.</param>
/// <param name="OnnxRuntime">ONNX Runtime on the exported model.</param>
/// <param name="Fp32">PyTorch, PyTorch channels_last and Keras in float32.</param>
/// <param name="Bf16">PyTorch with bfloat16 autocast and Keras with mixed_bfloat16, where the processor has the instructions.</param>
internal sealed record StepField(PeerProcess Managed, PeerProcess OneThread, PeerProcess Avx2, PeerProcess? OnnxRuntime, IReadOnlyList<PeerProcess> Fp32, IReadOnlyList<PeerProcess> Bf16)
{
    /// <summary>Why bfloat16 peers take no part.</summary>
    public const string NoBfloat16 = "this processor has no instructions for bfloat16, without which a round takes minutes";

    private const string ChannelsLastMode = "channels_last";

    /// <summary>PyTorch in float32 with channels last.</summary>
    public PeerProcess? ChannelsLast { get; private init; }

    /// <summary>All who train.</summary>
    public IReadOnlyList<PeerProcess> Training => [.. new[] { Managed, OneThread, Avx2 }.Distinct(), .. Fp32, .. Bf16];

    /// <summary>All who evaluate.</summary>
    public IReadOnlyList<PeerProcess> Evaluating => [Managed, .. Present(OnnxRuntime), .. Fp32, .. Bf16];

    public static StepField Start(PeerGroup group, int threads)
    {
        var managed = Required(group.Worker(WorkerCommand.Managed, threads));
        var channelsLast = group.Torch(ChannelsLastMode, threads);
        return new StepField(
            managed,
            Required(group.Worker(WorkerCommand.Managed, 1)),
            Avx512F.IsSupported ? Required(group.Worker(WorkerCommand.Managed, threads, ("DOTNET_EnableAVX512", "0"))) : managed,
            group.Worker(WorkerCommand.OnnxRuntime, threads),
            Present(group.Torch("fp32", threads), channelsLast, group.Keras("float32", threads)),
            ProcessorKind.Current.HasBfloat16
                ? Present(group.Torch("bf16", threads), group.Keras("mixed_bfloat16", threads))
                : Present(group.LeaveOut("PyTorch bf16", NoBfloat16), group.LeaveOut("Keras mixed_bfloat16", NoBfloat16)))
        {
            ChannelsLast = channelsLast,
        };

        PeerProcess Required(PeerProcess? worker) => worker ?? throw new InvalidOperationException(string.Join(' ', group.Missing));
    }

    /// <summary>Until all code is compiled and all batch sizes are chosen. Checks that the exported model is the engine's.</summary>
    public void WarmUp()
    {
        double correct = Managed.Ask("evaluate", "correct");
        if (OnnxRuntime?.Ask("evaluate", "correct") is { } other && Math.Abs(other - correct) > 2)
        {
            throw new InvalidOperationException($"ONNX Runtime has {other} images of the exported model right, the engine {correct}.");
        }

        foreach (var peer in Training)
        {
            peer.Ask($"train {(Fp32.Contains(peer) || Bf16.Contains(peer) ? 10 : 60)}");
        }

        foreach (var peer in Evaluating)
        {
            peer.Ask("evaluate");
        }
    }

    private static PeerProcess[] Present(params PeerProcess?[] peers) => [.. peers.OfType<PeerProcess>()];
}
