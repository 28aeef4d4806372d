namespace Cifar3.Training;

/// <summary>NHWC activations as one vector an image: x [B, H, W, C], y [B, H·W·C].</summary>
internal sealed class FlattenGraph(Pass pass, FlattenLayer layer) : LayerGraph(pass, layer)
{
    public override Output[] Forward(Output[] x) => Each(x, (part, i) => Reshape(Name("Reshape", i), part, [-1, .. layer.OutputShape]));

    public override Output[] Backward(Output[] dy, bool isFirst) => Each(dy, (part, i) => Reshape(Name("gradient", i), part, [-1, .. layer.InputShape]));
}

/// <summary>The fully connected layer without its softmax: logits [B, classes] = x [B, In]·kernel [In, classes] + bias.</summary>
internal sealed class DenseGraph(Pass pass, DenseLayer layer) : LayerGraph(pass, layer)
{
    private Output[] inputs = [];

    private Output Kernel => Variable("kernel").Read;

    public override Output[] Forward(Output[] x)
    {
        inputs = x;
        return Each(x, (part, i) => Graph.Add("BiasAdd", Name("BiasAdd", i), Graph.Add("MatMul", Name("MatMul", i), part, Kernel), Variable("bias").Read));
    }

    public override Output[] Backward(Output[] dy, bool isFirst)
    {
        SetGradient("kernel", Sum("kernel_gradient", Each(dy, (part, i) => Graph.Begin("MatMul", Name("kernel_MatMul", i), inputs[i], part).Bool("transpose_a", true).Finish())));
        SetGradient("bias", Sum("bias_gradient", Each(dy, (part, i) => Graph.Add("BiasAddGrad", Name("BiasAddGrad", i), part))));
        return Each(dy, (part, i) => Graph.Begin("MatMul", Name("input_gradient", i), part, Kernel).Bool("transpose_b", true).Finish());
    }
}
