namespace Cifar3.Training;

/// <summary>Batch normalization behind a ReLU on the device: the launches of <c>normalization.cl</c>.</summary>
/// <remarks>y, z, d [n, H, W, C].</remarks>
internal sealed class GpuNormalization
{
    private readonly GpuContext context;
    private readonly GpuKernel tiles, statistics, moving, forward, backwardTiles, sumColumns, backward;
    private readonly int pixelsPerImage, c, gammaAt, betaAt, movingMeanAt, movingVarianceAt, meanAt, varianceAt, inverseAt;
    private readonly float epsilon;

    public GpuNormalization(GpuContext context, BatchNormalizationLayer layer)
    {
        this.context = context;
        (pixelsPerImage, c, epsilon) = (layer.OutputShape[0] * layer.OutputShape[1], layer.OutputShape[2], (float)layer.Epsilon);
        IsFrozen = context.IsFrozen(layer);
        var parameters = context.Parameters;
        (gammaAt, betaAt) = (parameters[$"{layer.Name}/gamma"], parameters[$"{layer.Name}/beta"]);
        (movingMeanAt, movingVarianceAt) = (parameters[$"{layer.Name}/moving_mean"], parameters[$"{layer.Name}/moving_variance"]);
        (meanAt, varianceAt) = (movingMeanAt - parameters.Trainable, movingVarianceAt - parameters.Trainable);
        inverseAt = parameters.Moving + meanAt;
        tiles = context.Device.Kernel("norm_tiles");
        statistics = context.Device.Kernel("norm_statistics");
        moving = context.Device.Kernel("norm_moving");
        forward = context.Device.Kernel("norm_forward");
        backwardTiles = context.Device.Kernel("norm_backward_tiles");
        sumColumns = context.Device.Kernel("sum_columns");
        backward = context.Device.Kernel("norm_backward");
        context.ReservePart(3L * c * GpuContext.Tiles(context.Images * pixelsPerImage));
    }

    /// <summary>Whether training, too, normalizes with the moving statistics and leaves them alone.</summary>
    public bool IsFrozen { get; }

    /// <summary>Finds the statistics of a batch's y, to normalize with.</summary>
    public void UseBatchStatistics(GpuBuffer y, int n)
    {
        int rows = n * pixelsPerImage;
        context.Device.Launch(tiles, GpuContext.Tiles(rows), GpuContext.ColumnGroups(c), 1, y, context.Part, rows, c, GpuContext.TileRows);
        context.Device.Launch(statistics, c, 1, 1, context.Part, context.Norms, meanAt, varianceAt, inverseAt, rows, c, GpuContext.TileRows, epsilon);
    }

    /// <summary>Takes the moving statistics to normalize with.</summary>
    public void UseMovingStatistics() => context.Each(moving, c, context.State, movingMeanAt, movingVarianceAt, context.Norms, meanAt, inverseAt, c, epsilon);

    /// <summary>y → z with the statistics taken last.</summary>
    public void Forward(GpuBuffer y, GpuBuffer z, int n)
    {
        int count = n * pixelsPerImage * c;
        context.EachFew(forward, count, y, context.Norms, meanAt, inverseAt, context.State, gammaAt, betaAt, z, count, c);
    }

    /// <summary>dz → the gradient in front of the ReLU, in place, and the gradients of γ and β, which lie side by side.</summary>
    public void Backward(GpuBuffer y, GpuBuffer d, int n)
    {
        int rows = n * pixelsPerImage, tileCount = GpuContext.Tiles(rows);
        if (!IsFrozen)
        {
            context.Device.Launch(backwardTiles, tileCount, GpuContext.ColumnGroups(c), 1, y, d, context.Norms, meanAt, inverseAt, context.Part, rows, c, GpuContext.TileRows);
            context.Device.Launch(sumColumns, 2 * c, 1, 1, context.Part, tileCount, 2 * c, context.Gradients, gammaAt);
        }

        context.EachFew(backward, rows * c, y, d, context.Norms, meanAt, inverseAt, context.State, gammaAt, context.Gradients, rows, c, IsFrozen ? 1 : 0);
    }
}
