namespace Cifar3.Training;

/// <summary>3×3 convolution, bias and ReLU: y = max(0, conv(x, kernel) + bias).</summary>
/// <remarks>
/// x [B, H, W, Cin], kernel [3, 3, Cin, Cout], y [B, H', W', Cout]. On the CPU TensorFlow fuses the three forward operators into one.
/// Nearly all time goes into convolutions, so two things are not computed: the last row and column of an odd output, which 2×2 pooling
/// never reads, and the normalization before, which goes into kernel and bias (see <see cref="Normalized"/>).
/// </remarks>
/// <param name="graph">The graph.</param>
/// <param name="variables">Where kernel and bias are.</param>
/// <param name="layer">The layer.</param>
/// <param name="normalization">The batch normalization that the input comes from, if any; the convolution is then an unpadded one.</param>
/// <param name="pooling">The pooling that the output goes to, if any.</param>
internal sealed class ConvolutionGraph(GraphBuilder graph, GraphVariables variables, Conv2DLayer layer, BatchNormalizationGraph? normalization, MaxPooling2DLayer? pooling)
    : LayerGraph(graph, layer)
{
    private readonly Output kernel = variables[$"{layer.Name}/kernel"].Read;
    private readonly Output bias = variables[$"{layer.Name}/bias"].Read;

    /// <summary>Rows and columns of the output that pooling leaves out: 0 or 1.</summary>
    private readonly int unread = pooling is null ? 0 : layer.OutputShape[0] % 2;

    private Output input, output;
    private (Output Scale, Output Shift)? affine;

    public override Output Inference(Output x) => Forward(Read(x, Infer), x, normalization?.Deferred, Infer);

    public override Output Forward(Output x)
    {
        input = Read(x, Train);
        affine = normalization?.Deferred;
        output = Forward(input, x, affine, Train);
        return output;
    }

    public override Output Backward(Output dy, bool isFirst)
    {
        Output dz = pooling is null ? Graph.Add("ReluGrad", Train("Relu_gradient"), dy, output) : dy; // the pooling's gradient has the ReLU's in it
        Output biasGradient = Graph.Add("BiasAddGrad", Train("bias_gradient"), dz);
        SetGradient("bias", biasGradient);

        var kernelShape = Graph.Const(Train("kernel_shape"), [.. variables[Weight("kernel")].Shape]);
        Output kernelGradient = Convolution("Conv2DBackpropFilter", Train("kernel_gradient"), input, kernelShape, dz);
        SetGradient("kernel", affine is { } given ? OfNormalized(kernelGradient, biasGradient, given) : kernelGradient);
        if (isFirst)
        {
            return default;
        }

        Output dx = Convolution("Conv2DBackpropInput", Train("input_gradient"), Graph.Add("Shape", Train("input_shape"), input), kernel, dz);
        return unread == 0 ? dx : Graph.Add("Pad", Train("unread_gradient"), dx, Graph.Matrix(Train("unread_rows_and_columns"), 2, 0, 0, 0, unread, 0, unread, 0, 0));
    }

    /// <summary>The part of the input [B, H − unread, W − unread, Cin] that the wanted outputs need.</summary>
    private Output Read(Output x, Func<string, string> name) => unread == 0
        ? x
        : Graph.Add(
            "Slice",
            name("read"),
            x,
            Graph.Const(name("read_from"), 0, 0, 0, 0),
            Graph.Const(name("read_size"), -1, layer.InputShape[0] - unread, layer.InputShape[1] - unread, layer.InputShape[2]));

    /// <summary>
    /// conv(scale·x + shift, kernel) + bias = conv(x, scale·kernel) + (bias + Σ shift·kernel): no pass over the activations. Exact without
    /// padding only, whose zeros would have to be normalized as well.
    /// </summary>
    private (Output Kernel, Output Bias) Normalized((Output Scale, Output Shift) given, Func<string, string> name)
    {
        var taps = Graph.Add("Sum", name("taps"), kernel, Graph.Const(name("tap_axes"), 0, 1)); // [Cin, Cout]
        var added = Reshape(name("shift_sum"), Graph.Add("MatMul", name("shift_MatMul"), Reshape(name("shift_row"), given.Shift, 1, Inputs), taps), Outputs);
        return (Graph.Add("Mul", name("scaled_kernel"), kernel, Reshape(name("scale_column"), given.Scale, Inputs, 1)), Graph.Add("AddV2", name("shifted_bias"), bias, added));
    }

    /// <summary>
    /// The kernel's gradient [3, 3, Cin, Cout] for scale·x + shift from that for x: scale·gradient + shift·(gradient of the bias), because
    /// without padding every tap meets every element of dz.
    /// </summary>
    private Output OfNormalized(Output gradient, Output biasGradient, (Output Scale, Output Shift) given)
    {
        var scaled = Graph.Add("Mul", Train("kernel_gradient_scaled"), gradient, Reshape(Train("gradient_scale_column"), given.Scale, Inputs, 1));
        var outer = Graph.Add("Mul", Train("kernel_gradient_shift"), Reshape(Train("shift_column"), given.Shift, Inputs, 1), Reshape(Train("bias_gradient_row"), biasGradient, 1, Outputs));
        return Graph.Add("AddV2", Train("kernel_gradient_of_normalized"), scaled, outer);
    }

    private int Inputs => layer.InputShape[2];

    private int Outputs => layer.OutputShape[2];

    private Output Reshape(string name, Output x, params ReadOnlySpan<int> shape) => Graph.Add("Reshape", name, x, Graph.Const($"{name}_shape", shape));

    private Output Forward(Output read, Output x, (Output Scale, Output Shift)? before, Func<string, string> name)
    {
        var (usedKernel, usedBias) = before is { } given ? Normalized(given, name) : (kernel, bias);
        if (unread > 0)
        {
            DescribedOutput = Relu(x, "described_");
        }

        return Relu(read, "");

        Output Relu(Output from, string prefix)
        {
            var z = Graph.Add("BiasAdd", name($"{prefix}BiasAdd"), Convolution("Conv2D", name($"{prefix}Conv2D"), from, usedKernel), usedBias);
            return Graph.Add("Relu", name($"{prefix}Relu"), z);
        }
    }

    private Output Convolution(string type, string name, params ReadOnlySpan<Output> inputs) =>
        Graph.Begin(type, name, inputs).Ints("strides", 1, 1, 1, 1).Text("padding", layer.Padding == ConvPadding.Same ? "SAME" : "VALID").Finish();
}
