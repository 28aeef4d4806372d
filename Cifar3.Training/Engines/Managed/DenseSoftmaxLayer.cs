namespace Cifar3.Training;

/// <summary>Flatten, dense and softmax, with the loss: x [features] → logits → probabilities [classes].</summary>
/// <remarks>The images' pixels × channels are the features in NHWC order, so flattening is only a way to read them.</remarks>
internal sealed unsafe class DenseSoftmaxLayer<V>
    where V : struct, ISimd<V>
{
    private const string Kernel = "dense/kernel", Bias = "dense/bias";

    private readonly int features, classes, paddedClasses;
    private readonly float* kernel, bias, forward, backward, zeros, logits, gradients;
    private readonly ShardGradients<V> kernelGradients;
    private readonly GradientSums biasSums;

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
        biasSums = new GradientSums(arena, "dense bias sums", paddedClasses, parameters.Gradient(Bias));
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
        int panel = DirectGemm.PanelWidth<V>();
        DirectGemm.Pack(kernel, features, paddedClasses, panel, forward);
        float* packed = backward;
        for (int feature = 0; feature < features; feature += panel)
        {
            packed = DirectGemm.PackTransposed(kernel + (long)feature * paddedClasses, Math.Min(panel, features - feature), paddedClasses, paddedClasses, packed);
        }
    }

    /// <summary>Probabilities of a shard's images, and with labels the losses and the logits' gradients of the batch's mean loss.</summary>
    /// <param name="range">The images.</param>
    /// <param name="labels">Labels of the batch; null for none.</param>
    /// <param name="targets">Targets of the batch [batch, classes]; null = the labels.</param>
    /// <param name="batch">Images of the batch.</param>
    public void Forward(in ImageRange range, int* labels, float* targets, int batch)
    {
        Dense.Forward<V>(Input.At(range.First), Input.ImageStride, range.End - range.First, features, paddedClasses, forward, bias, logits + (long)range.First * paddedClasses);
        for (int image = range.First; image < range.End; image++)
        {
            float* logit = logits + (long)image * paddedClasses;
            double logSum = Softmax.Run(logit, classes, Probabilities + (long)image * classes);
            float* gradient = gradients + (long)image * paddedClasses;
            if (targets != null)
            {
                Losses[image] = SoftmaxCrossEntropy.WithTargets(logit, logSum, classes, targets + (long)image * classes, batch, gradient);
            }
            else if (labels != null)
            {
                Losses[image] = logSum - logit[labels[image]];
                SoftmaxCrossEntropy.Gradient(logit, logSum, classes, labels[image], batch, gradient);
            }
        }
    }

    /// <summary>dx of a shard's images, and the shard's gradients of kernel and bias.</summary>
    public void Backward(in ImageRange range)
    {
        int images = range.End - range.First;
        float* dy = gradients + (long)range.First * paddedClasses;
        for (int column = 0; column < features; column += DirectGemm.PanelWidth<V>())
        {
            int columns = Math.Min(DirectGemm.PanelWidth<V>(), features - column);
            DirectGemm.Run<V>(images, columns, new GemmTask
            {
                A = dy,
                ARow = paddedClasses,
                AInner = 1,
                B = backward + (long)column * paddedClasses,
                BInner = columns,
                C = InputGradient.At(range.First) + column,
                CRow = InputGradient.ImageStride,
                Init = zeros,
                InitRow = 0,
                Outer = 1,
                Mid = 1,
                Inner = paddedClasses,
                Floor = float.NegativeInfinity,
            });
        }

        float* dw = kernelGradients.Of(range.Shard);
        for (int column = 0; column < paddedClasses; column += DirectGemm.PanelWidth<V>())
        {
            DirectGemm.Run<V>(features, Math.Min(DirectGemm.PanelWidth<V>(), paddedClasses - column), new GemmTask
            {
                A = Input.At(range.First),
                ARow = 1,
                AInner = Input.ImageStride,
                B = dy + column,
                BInner = paddedClasses,
                C = dw + column,
                CRow = paddedClasses,
                Init = zeros,
                InitRow = 0,
                Outer = 1,
                Mid = 1,
                Inner = images,
                Floor = float.NegativeInfinity,
            });
        }

        double* sums = biasSums.Of(range.Shard, start: true);
        for (int image = 0; image < images; image++)
        {
            for (int c = 0; c < paddedClasses; c += V.Width)
            {
                V.AddTo(sums + c, V.Load(dy + (long)image * paddedClasses + c));
            }
        }
    }

    /// <summary>Adds the shards' gradients up.</summary>
    public void FinishGradients(int images)
    {
        kernelGradients.Finish(Shards.Count(images));
        biasSums.Finish(Shards.Count(images));
    }
}
