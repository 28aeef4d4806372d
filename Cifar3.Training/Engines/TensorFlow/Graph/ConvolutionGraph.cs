namespace Cifar3.Training;

/// <summary>3×3 convolution, bias and ReLU: y = max(0, conv(x, kernel) + bias).</summary>
/// <remarks>x [B, H, W, Cin], kernel [3, 3, Cin, Cout], y [B, H', W', Cout]. On the CPU TensorFlow fuses the three forward operators into one.</remarks>
internal sealed class ConvolutionGraph(GraphBuilder graph, GraphVariables variables, Conv2DLayer layer) : LayerGraph(graph, layer)
{
    private readonly Output kernel = variables[$"{layer.Name}/kernel"].Read;
    private readonly Output bias = variables[$"{layer.Name}/bias"].Read;
    private Output input, output;

    public override Output Inference(Output x) => Forward(x, Infer);

    public override Output Forward(Output x)
    {
        input = x;
        output = Forward(x, Train);
        return output;
    }

    public override Output Backward(Output dy, bool isFirst)
    {
        Output dz = Graph.Add("ReluGrad", Train("Relu_gradient"), dy, output);
        SetGradient("bias", Graph.Add("BiasAddGrad", Train("bias_gradient"), dz));

        var kernelShape = Graph.Const(Train("kernel_shape"), [.. variables[Weight("kernel")].Shape]);
        SetGradient("kernel", Convolution("Conv2DBackpropFilter", Train("kernel_gradient"), input, kernelShape, dz));
        return isFirst
            ? default
            : Convolution("Conv2DBackpropInput", Train("input_gradient"), Graph.Add("Shape", Train("input_shape"), input), kernel, dz);
    }

    private Output Forward(Output x, Func<string, string> name)
    {
        var z = Graph.Add("BiasAdd", name("BiasAdd"), Convolution("Conv2D", name("Conv2D"), x, kernel), bias);
        return Graph.Add("Relu", name("Relu"), z);
    }

    private Output Convolution(string type, string name, params ReadOnlySpan<Output> inputs) =>
        Graph.Begin(type, name, inputs).Ints("strides", 1, 1, 1, 1).Text("padding", layer.Padding == ConvPadding.Same ? "SAME" : "VALID").Finish();
}
