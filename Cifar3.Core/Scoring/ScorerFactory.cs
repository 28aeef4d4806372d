using System.Collections.Concurrent;
using System.Diagnostics;

namespace Cifar3;

/// <summary>What was chosen, and why not CUDA where Auto tried it; null where it did not come to that.</summary>
internal sealed record ChosenScorer(IScorer Scorer, string? FallbackReason);

/// <summary>The one place that decides what scores: the classifier, its streams and ML.NET's transformer all come here.</summary>
internal static class ScorerFactory
{
    private static readonly ConcurrentDictionary<string, bool> Logged = new();

    /// <summary>Creates what the options ask for.</summary>
    /// <param name="model">What is scored.</param>
    /// <param name="options">Checked options.</param>
    /// <param name="owner">The public class that scores: what errors after a dispose call it.</param>
    /// <returns>A scorer, the caller's to dispose. On a GPU, and unless the weights show that it computes finite numbers, it has computed one image.</returns>
    /// <exception cref="Cifar3ModelException">The back end cannot run the model.</exception>
    /// <exception cref="Cifar3Exception">ONNX Runtime's native library is missing, or CUDA was asked for and cannot be had: names the package.</exception>
    public static ChosenScorer Create(ScoringModel model, ClassifierOptions options, Type owner)
    {
        if (options.Familiarity && model.Network is null)
        {
            throw new Cifar3Exception($"Familiarity needs the network's logits, and '{model.Name}' gives none: it is a graph for ONNX Runtime (OnnxFlavor.Optimized, Int8, or another tool's). Load the file that SaveOnnx wrote without options, or leave ClassifierOptions.Familiarity out.");
        }

        var chosen = Create(model, options, owner, CudaLibrary.IsOffered(), () => OnnxRuntimeScorer.OnCuda(model, options, owner));
        if (chosen.Scorer.Backend != ScoringBackend.Cuda && (model.Network is not { } network || MayOverflow(network)))
        {
            TryOneImage(model, options, chosen.Scorer);
        }

        return options.FlipAveraging ? chosen with { Scorer = new FlipAveragingScorer(chosen.Scorer, ScoreRows.Of(model.Metadata, options).Width, owner) } : chosen;
    }

    /// <summary>The same where it is known whether the program brings ONNX Runtime with CUDA, and how a scorer on it is made.</summary>
    internal static ChosenScorer Create(ScoringModel model, ClassifierOptions options, Type owner, bool cudaIsOffered, Func<IScorer> onCuda)
    {
        switch (options.Familiarity ? ScoringBackend.Managed : options.Backend)
        {
            case ScoringBackend.Managed:
                return new(Managed(model, options, owner), null);
            case ScoringBackend.OnnxRuntime:
                return new(OnnxRuntimeScorer.OnCpu(model, options, owner), null);
            case ScoringBackend.Cuda:
                return new(TryOneImage(model, options, onCuda()), null);
        }

        string? reason = null;
        if (cudaIsOffered)
        {
            try
            {
                return new(TryOneImage(model, options, onCuda()), null); // of a card that it has no code for, ONNX Runtime tells at the first image
            }
            catch (Cifar3Exception e) when (e is not Cifar3ModelException)
            {
                reason = e.Message;
                if (Logged.TryAdd(reason, true))
                {
                    Trace.TraceWarning($"Cifar3 scores on the CPU. {reason}");
                }
            }
        }

        return new(model.Network is null ? OnnxRuntimeScorer.OnCpu(model, options, owner) : Managed(model, options, owner), reason);
    }

    private static ManagedScorer Managed(ScoringModel model, ClassifierOptions options, Type owner)
    {
        const string Remedy = "Choose ScoringBackend.Auto or OnnxRuntime, or save the model with SaveOnnx without options";
        return model.Network is { } network ? new ManagedScorer(network, options.Threads, owner, options.Familiarity)
            : throw OnnxFile.Unreadable(model.Name, model.IsForeign
                ? "the managed back end expects a model that this library saved, found another tool's"
                : "the managed back end expects a model with Keras' layers one by one, found one of a flavour for ONNX Runtime (OnnxFlavor.Optimized or Int8)", Remedy);
    }

    /// <summary>
    /// Whether activations might leave float32's range: each layer's largest possible one from the largest before it and the largest weights. Of trained networks they are far below, and none
    /// pays for an image at start-up, before the kernels are compiled.
    /// </summary>
    private static bool MayOverflow(CnnModel network)
    {
        const double Limit = 1e30; // float32 ends at 3.4e38; between lie the sums within the kernels' transforms
        double most = 1; // of pixels / 255
        foreach (var layer in network.Layers.Where(layer => layer.Weights.Length > 0))
        {
            most = layer is BatchNormalizationLayer normalization
                ? Largest("gamma") * (most + Largest("moving_mean")) / Math.Sqrt(normalization.Epsilon) + Largest("beta")
                : layer.Weights[0].Shape[..^1].Aggregate(most, (product, size) => product * size) * Largest("kernel") + Largest("bias"); // kernel (…, inputs, outputs)

            double Largest(string variable)
            {
                float largest = 0;
                foreach (float value in network[$"{layer.Name}/{variable}"].Values)
                {
                    largest = MathF.Max(largest, MathF.Abs(value));
                }

                return largest;
            }
        }

        return !(most < Limit);
    }

    /// <summary>One grey image through the model, so that what cannot compute is refused now, and freed: a graph of another tool, weights beyond what float32 multiplies, a GPU.</summary>
    private static IScorer TryOneImage(ScoringModel model, ClassifierOptions options, IScorer scorer)
    {
        var pixels = new byte[CnnArchitecture.ImageBytes];
        Array.Fill(pixels, (byte)128);
        var probabilities = new float[ScoreRows.Of(model.Metadata, options).Width];
        try
        {
            scorer.Score(pixels, probabilities);
            return Array.TrueForAll(probabilities, float.IsFinite) ? scorer
                : throw OnnxFile.Unreadable(model.Name, $"expected probabilities of a grey image, found {string.Join(", ", probabilities.Take(10))}", "Its weights are damaged or too large; take a fresh copy");
        }
        catch
        {
            scorer.Dispose();
            throw;
        }
    }
}
