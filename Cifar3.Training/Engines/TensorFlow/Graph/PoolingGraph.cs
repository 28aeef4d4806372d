namespace Cifar3.Training;

/// <summary>2×2 max pooling, stride 2, an odd last row or column left out: x [B, H, W, C], y [B, ⌊H/2⌋, ⌊W/2⌋, C].</summary>
internal sealed class PoolingGraph(Pass pass, MaxPooling2DLayer layer) : LayerGraph(pass, layer)
{
    private Output[] inputs = [], outputs = [];

    public override Output[] Forward(Output[] x)
    {
        inputs = x;
        outputs = Each(x, (part, i) => Pool("MaxPool", i, part));
        return outputs;
    }

    /// <summary>
    /// Also the gradient of the ReLU before the pooling: where a window's largest value is 0 nothing goes back. The same numbers as on the
    /// unpooled values, on a quarter of them.
    /// </summary>
    public override Output[] Backward(Output[] dy, bool isFirst) =>
        Each(dy, (part, i) => Pool("MaxPoolGrad", i, inputs[i], outputs[i], Graph.Add("ReluGrad", Name("Relu_gradient", i), part, outputs[i])));

    private Output Pool(string type, int part, params ReadOnlySpan<Output> inputs) =>
        Graph.Begin(type, Name(type, part), inputs).Ints("ksize", 1, 2, 2, 1).Ints("strides", 1, 2, 2, 1).Text("padding", "VALID").Finish();
}
