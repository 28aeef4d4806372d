namespace Cifar3.Training;

/// <summary>Max-pooling and dropout on the device: the launches of <c>pooling.cl</c>.</summary>
/// <remarks>y, dy [n, H, W, C]; p, dp, routes [n, H/2, W/2, C].</remarks>
internal sealed class GpuPooling
{
    private readonly GpuContext context;
    private readonly GpuKernel forward, backward;
    private readonly GpuBuffer routes;
    private readonly int h, w, c, ph, pw, index, threshold;
    private readonly float scale;

    /// <param name="context">What the layers share.</param>
    /// <param name="pooling">The pooling layer.</param>
    /// <param name="dropout">The dropout layer behind it.</param>
    /// <param name="index">Which dropout layer: 0, 1 or 2.</param>
    public GpuPooling(GpuContext context, MaxPooling2DLayer pooling, DropoutLayer dropout, int index)
    {
        (this.context, this.index) = (context, index);
        (h, w, c) = (pooling.InputShape[0], pooling.InputShape[1], pooling.InputShape[2]);
        (ph, pw) = (pooling.OutputShape[0], pooling.OutputShape[1]);
        (threshold, scale) = (DropoutMask.Threshold(dropout.Rate), (float)(1 / (1 - dropout.Rate)));
        routes = context.Device.Allocate((long)context.Images * ph * pw * c);
        forward = context.Device.Kernel("pool_forward");
        backward = context.Device.Kernel("pool_backward");
    }

    /// <summary>y → p with the dropout of a step; null for none.</summary>
    public void Forward(GpuBuffer y, GpuBuffer p, int n, long? step)
    {
        var (number, from, factor) = step is { } drawn ? (drawn, threshold, scale) : (0, 0, 1);
        context.EachFew(forward, n * ph * pw * c, y, p, routes, n, h, w, c, context.Options.Seed, (int)number, (int)(number >> 32), index, from, factor);
    }

    /// <summary>dp → dy of the last step with dropout.</summary>
    public void Backward(GpuBuffer dp, GpuBuffer dy, int n) => context.EachFew(backward, n * ((h + 1) / 2) * ((w + 1) / 2) * c, dp, routes, dy, n, h, w, c, scale);
}
