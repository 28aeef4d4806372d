namespace Cifar3.Training;

/// <summary>A block's first convolution, "same" padding, with bias and ReLU, in front of batch normalization.</summary>
internal abstract unsafe class ReluConvLayer
{
    /// <summary>Takes over changed weights.</summary>
    public abstract void Prepare();

    /// <summary>y = max(0, conv(x) + bias) of a shard's images; sums, if not null, receive Σ y and Σ y² of each channel (+=).</summary>
    public abstract void Forward(in Plane x, in Plane y, double* sums, in ImageRange range);

    /// <summary>Gradients of a shard: of the weights, and of x unless this is the first layer.</summary>
    /// <param name="x">The layer's input.</param>
    /// <param name="y">Its output.</param>
    /// <param name="dz">What <see cref="BatchNormLayer"/>'s Slope and Offset make dy of.</param>
    /// <param name="norm">The normalization behind this layer.</param>
    /// <param name="dx">Receives x's gradient; null in the first layer.</param>
    /// <param name="range">The images.</param>
    public abstract void Backward(in Plane x, in Plane y, in Plane dz, BatchNormLayer norm, in Plane? dx, in ImageRange range);

    /// <summary>Makes the weights' gradients out of what the shards left.</summary>
    /// <param name="images">Images of the batch.</param>
    public abstract void FinishGradients(int images);
}
