namespace Cifar3.Training;

/// <summary>NHWC activations as one vector an image: x [B, H, W, C], y [B, H·W·C].</summary>
internal sealed class FlattenGraph(GraphBuilder graph, FlattenLayer layer) : LayerGraph(graph, layer)
{
    public override Output Inference(Output x) => Reshape(Infer("Reshape"), x, layer.OutputShape);

    public override Output Forward(Output x) => Reshape(Train("Reshape"), x, layer.OutputShape);

    public override Output Backward(Output dy, bool isFirst) => Reshape(Train("gradient"), dy, layer.InputShape);

    private Output Reshape(string name, Output x, IEnumerable<int> shape) => Graph.Add("Reshape", name, x, Graph.Const($"{name}_shape", [-1, .. shape]));
}

/// <summary>The fully connected layer without its softmax: logits [B, classes] = x [B, In]·kernel [In, classes] + bias.</summary>
internal sealed class DenseGraph(GraphBuilder graph, GraphVariables variables, DenseLayer layer) : LayerGraph(graph, layer)
{
    private readonly Output kernel = variables[$"{layer.Name}/kernel"].Read;
    private readonly Output bias = variables[$"{layer.Name}/bias"].Read;
    private Output input;

    public override Output Inference(Output x) => Logits(x, Infer);

    public override Output Forward(Output x)
    {
        input = x;
        return Logits(x, Train);
    }

    public override Output Backward(Output dy, bool isFirst)
    {
        SetGradient("kernel", Graph.Begin("MatMul", Train("kernel_gradient"), input, dy).Bool("transpose_a", true).Finish());
        SetGradient("bias", Graph.Add("BiasAddGrad", Train("bias_gradient"), dy));
        return Graph.Begin("MatMul", Train("input_gradient"), dy, kernel).Bool("transpose_b", true).Finish();
    }

    private Output Logits(Output x, Func<string, string> name) => Graph.Add("BiasAdd", name("BiasAdd"), Graph.Add("MatMul", name("MatMul"), x, kernel), bias);
}
