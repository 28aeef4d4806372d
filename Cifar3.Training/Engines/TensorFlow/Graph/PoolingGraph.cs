namespace Cifar3.Training;

/// <summary>2×2 max pooling, stride 2, an odd last row or column left out: x [B, H, W, C], y [B, ⌊H/2⌋, ⌊W/2⌋, C].</summary>
internal sealed class PoolingGraph(GraphBuilder graph, MaxPooling2DLayer layer) : LayerGraph(graph, layer)
{
    private Output input, output;

    public override Output Inference(Output x) => Pool("MaxPool", Infer("MaxPool"), x);

    public override Output Forward(Output x)
    {
        input = x;
        output = Pool("MaxPool", Train("MaxPool"), x);
        return output;
    }

    /// <summary>
    /// Also the gradient of the ReLU before the pooling: where a window's largest value is 0 nothing goes back. The same numbers as on the
    /// unpooled values, on a quarter of them.
    /// </summary>
    public override Output Backward(Output dy, bool isFirst) =>
        Pool("MaxPoolGrad", Train("gradient"), input, output, Graph.Add("ReluGrad", Train("Relu_gradient"), dy, output));

    private Output Pool(string type, string name, params ReadOnlySpan<Output> inputs) =>
        Graph.Begin(type, name, inputs).Ints("ksize", 1, 2, 2, 1).Ints("strides", 1, 2, 2, 1).Text("padding", "VALID").Finish();
}
