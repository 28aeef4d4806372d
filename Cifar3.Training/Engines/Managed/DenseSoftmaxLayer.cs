namespace Cifar3.Training;

/// <summary>Flatten, dense and softmax, with the loss: x [features] → logits → probabilities [classes].</summary>
/// <remarks>The images' pixels × channels are the features in NHWC order, so flattening is only a way to read them.</remarks>
internal sealed unsafe class DenseSoftmaxLayer<V>
    where V : struct, ISimd<V>
{
    private const string Kernel = "dense/kernel", Bias = "dense/bias";

    private readonly int features, classes, paddedClasses;
    private readonly float* kernel, bias, biasGradient, forward, backward, zeros, logits, gradients;
    private readonly ShardGradients<V> kernelGradients;
    private readonly ShardSums biasSums;

    public DenseSoftmaxLayer(LayerContext context)
    {
        var (arena, parameters, images) = (context.Arena, context.Parameters, context.Images);
        var tensor = parameters[Kernel];
        features = tensor.Groups * tensor.PaddedRows;
        int side = (int)Math.Sqrt(tensor.Groups);
        Input = new Plane(arena, "dense x", images, side, side, tensor.PaddedRows, 0, flat: true);
        InputGradient = new Plane(arena, "dense dx", images, side, side, tensor.PaddedRows, 0, flat: true);
        (classes, paddedClasses) = (tensor.Columns, tensor.PaddedColumns);
        kernel = parameters.Value(Kernel);
        bias = parameters.Value(Bias);
        forward = arena.Floats("dense packed", tensor.Size);
        backward = arena.Floats("dense packed, transposed", tensor.Size);
        zeros = arena.Floats("dense zeros", DirectGemm.PanelWidth<V>());
        logits = arena.Floats("dense logits", (long)images * paddedClasses);
        gradients = arena.Floats("dense logits' gradients", (long)images * paddedClasses);
        Probabilities = arena.Floats("probabilities", (long)images * classes);
        Losses = arena.Doubles("losses", images);
        kernelGradients = new ShardGradients<V>(arena, "dense gradients of shards", tensor.Size, parameters.Gradient(Kernel));
        biasSums = new ShardSums(arena, "dense bias sums", paddedClasses);
        biasGradient = parameters.Gradient(Bias);
    }

    /// <summary>x: the last block writes it.</summary>
    public Plane Input { get; }

    /// <summary>dx.</summary>
    public Plane InputGradient { get; }

    /// <summary>Probabilities [images, classes].</summary>
    public float* Probabilities { get; }

    /// <summary>Cross-entropy of each image.</summary>
    public double* Losses { get; }

    /// <summary>Takes over changed weights.</summary>
    public void Prepare()
    {
        DirectGemm.Pack(kernel, features, paddedClasses, DirectGemm.PanelWidth<V>(), forward);
        Dense.PackTransposed<V>(kernel, features, paddedClasses, backward);
    }

    /// <summary>Probabilities of a shard's images, their losses, and the logits' gradients of the batch's mean loss.</summary>
    /// <param name="range">The images.</param>
    /// <param name="labels">Labels of the batch.</param>
    /// <param name="targets">Targets of the batch [batch, classes]; null = the labels.</param>
    /// <param name="batch">Images of the batch.</param>
    public void Forward(in ImageRange range, int* labels, float* targets, int batch)
    {
        Dense.Forward<V>(Input.At(range.First), Input.ImageStride, range.End - range.First, features, paddedClasses, forward, bias, logits + (long)range.First * paddedClasses);
        for (int image = range.First; image < range.End; image++)
        {
            float* logit = logits + (long)image * paddedClasses;
            double logSum = Softmax.Forward(logit, classes, Probabilities + (long)image * classes);
            float* gradient = gradients + (long)image * paddedClasses;
            if (targets != null)
            {
                Losses[image] = Softmax.Backward(logit, logSum, classes, targets + (long)image * classes, batch, gradient);
            }
            else
            {
                Losses[image] = logSum - logit[labels[image]];
                Softmax.Backward(logit, logSum, classes, labels[image], batch, gradient);
            }
        }
    }

    /// <summary>dx of a shard's images, and the shard's gradients of kernel and bias.</summary>
    public void Backward(in ImageRange range)
    {
        int images = range.End - range.First;
        float* dy = gradients + (long)range.First * paddedClasses;
        Dense.BackwardInput<V>(dy, images, features, paddedClasses, backward, InputGradient.At(range.First), InputGradient.ImageStride, zeros);
        Dense.BackwardWeights<V>(Input.At(range.First), Input.ImageStride, images, features, paddedClasses, dy, kernelGradients.Of(range.Shard), zeros);
        Dense.BackwardBias<V>(dy, images, paddedClasses, biasSums.Of(in range));
    }

    /// <summary>Adds the shards' gradients up.</summary>
    public void FinishGradients(int images)
    {
        kernelGradients.Finish(Shards.Count(images));
        biasSums.WriteTo(biasGradient, Shards.Count(images));
    }
}
