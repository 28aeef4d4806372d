using Cifar3.Training;
using PureHDF;
using PureHDF.VOL.Native;

namespace Cifar3.Benchmarks;

/// <summary>A step from real Keras' state beside the exact gradients, where the golden files are: <c>CIFAR3_GOLDEN</c>.</summary>
internal static class GpuGoldenStep
{
    private const int Batch = 128;

    public static void Run(Func<CnnModel, EngineOptions, ITrainingEngine> create, GpuFindings findings)
    {
        if (Environment.GetEnvironmentVariable("CIFAR3_GOLDEN") is not { Length: > 0 } folder)
        {
            findings.Add("golden steps", "CIFAR3_GOLDEN does not say where the files are");
            return;
        }

        using var file = H5File.OpenRead(Path.Combine(folder, "numbers.h5"));
        var model = CnnModel.Create(["airplane", "automobile", "bird"], dropoutRates: [0, 0, 0]);
        var access = new H5DatasetAccess { ChunkCache = new SimpleReadingChunkCache(chunkSlotCount: 1000, byteCount: 64 << 20) }; // an image lies in many chunks
        byte[] images = ((NativeDataset)file.Dataset("images/train")).Read<byte[]>(access);
        int[] labels = file.Dataset("images/train_labels").Read<int[]>();
        foreach (var (step, worstCeiling) in new[] { (1, 5e-3), (50, 1e-3) })
        {
            var like = EngineState.Initial(model);
            var before = new EngineState(Tensors(like.Weights, "weights", ""), Tensors(like.AdamM, "adam", "m."), Tensors(like.AdamV, "adam", "v."), step - 1);
            using var engine = create(model, new EngineOptions { MaxBatchSize = Batch });
            engine.ImportState(before);
            int batch = (step - 1) % 20;
            var result = engine.TrainStep(images.AsSpan(batch * Batch * CnnArchitecture.ImageBytes, Batch * CnnArchitecture.ImageBytes), labels.AsSpan(batch * Batch, Batch), 1e-3f, step);

            double loss = file.Group($"step_{step}/float64").Attribute("loss").Read<double>();
            var after = engine.ExportState();
            double[] errors = [.. GpuStateChecks.Gradients(before, after).Select(g => GpuStateChecks.RelativeL2(g.Values, file.Dataset($"step_{step}/float64/gradients/{g.Name.Replace('/', '.')}").Read<float[]>())).Order()];
            findings.AtMost($"golden step {step}: loss beside Keras in float64", Math.Abs(result.LossSum / result.Count / loss - 1), 1e-5);
            findings.AtMost($"golden step {step}: gradients, median", errors[errors.Length / 2], 2e-4);
            findings.AtMost($"golden step {step}: gradients, worst", errors[^1], worstCeiling);

            List<WeightTensor> Tensors(IReadOnlyList<WeightTensor> tensors, string group, string prefix) =>
                [.. tensors.Select(t => new WeightTensor(t.Name, t.Shape, file.Dataset($"step_{step}/before/{group}/{prefix}{t.Name.Replace('/', '.')}").Read<float[]>()))];
        }
    }
}
