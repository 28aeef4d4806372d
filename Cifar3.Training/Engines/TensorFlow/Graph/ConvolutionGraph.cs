namespace Cifar3.Training;

/// <summary>3×3 convolution, bias and ReLU: y = max(0, conv(x, kernel) + bias).</summary>
/// <remarks>
/// x [B, H, W, Cin], kernel [3, 3, Cin, Cout], y [B, H', W', Cout]. On the CPU TensorFlow fuses the three forward operators into one.
/// Nearly all time goes into convolutions, so two things are not computed: the last row and column of an odd output, which 2×2 pooling
/// never reads, and the normalization before, which goes into kernel and bias (see <see cref="Folded"/>).
/// </remarks>
/// <param name="pass">The pass.</param>
/// <param name="layer">The layer.</param>
/// <param name="normalization">The batch normalization that the input comes from, if any; the convolution is then an unpadded one.</param>
/// <param name="pooling">The pooling that the output goes to, if any.</param>
internal sealed class ConvolutionGraph(Pass pass, Conv2DLayer layer, BatchNormalizationGraph? normalization, MaxPooling2DLayer? pooling) : LayerGraph(pass, layer)
{
    /// <summary>Rows and columns of the output that pooling leaves out: 0 or 1.</summary>
    private readonly int unread = pooling is null ? 0 : layer.OutputShape[0] % 2;

    private Output[] inputs = [], outputs = [];
    private Output usedKernel, usedBias, taps; // taps: the kernel's sum over its nine taps [Cin, Cout], where there is a normalization

    private Output Kernel => Variable("kernel").Read;

    private Output Bias => Variable("bias").Read;

    private int Inputs => layer.InputShape[2];

    private int Outputs => layer.OutputShape[2];

    public override Output[] Forward(Output[] x)
    {
        (usedKernel, usedBias) = normalization?.Deferred is { } affine ? Folded(affine) : (Kernel, Bias);
        inputs = Each(x, Read);
        outputs = Each(inputs, (part, i) => Relu("", part, i));
        DescribedOutput = unread == 0 ? null : Each(x, (part, i) => Relu("described_", part, i));
        return outputs;
    }

    public override Output[] Backward(Output[] dy, bool isFirst)
    {
        var dz = pooling is null ? Each(dy, (part, i) => Graph.Add("ReluGrad", Name("Relu_gradient", i), part, outputs[i])) : dy; // the pooling's gradient has the ReLU's in it
        var biasGradient = Sum("bias_gradient", Each(dz, (part, i) => Graph.Add("BiasAddGrad", Name("BiasAddGrad", i), part)));
        SetGradient("bias", biasGradient);

        var kernelShape = Graph.Const(Name("kernel_shape"), [.. Variable("kernel").Shape]);
        var kernelGradient = Sum("kernel_gradient", Each(dz, (part, i) => Convolution("Conv2DBackpropFilter", Name("Conv2DBackpropFilter", i), inputs[i], kernelShape, part)));
        SetGradient("kernel", normalization?.Deferred is { } affine ? Unfolded(kernelGradient, biasGradient, affine) : kernelGradient);
        return isFirst ? [] : InputGradient(dz);
    }

    /// <summary>
    /// dx[h, w, i] = Σ dz[h + pad − a, w + pad − b, o]·kernel[a, b, i, o], pad 1 of a SAME convolution and 0 of a VALID one: a convolution of dz, padded by
    /// 2 − pad, with the kernel turned by 180° and its channels exchanged.
    /// </summary>
    /// <remarks>
    /// Not <c>Conv2DBackpropInput</c>: there oneDNN 3.7, that of TensorFlow 2.21, takes a kernel for AVX-512 in some processes (<c>brg_conv_bwd</c>) whose
    /// results are garbage, without an error. Forward convolutions go to that kernel only where the padding is as wide as the kernel.
    /// </remarks>
    private Output[] InputGradient(Output[] dz)
    {
        var turned = Graph.Add("ReverseV2", Name("turned_kernel"), usedKernel, Graph.Const(Name("turned_axes"), 0, 1));
        var exchanged = Graph.Add("Transpose", Name("exchanged_kernel"), turned, Graph.Const(Name("exchanged_axes"), 0, 1, 3, 2));
        int padding = layer.Padding == ConvPadding.Same ? 1 : 2;
        return Each(dz, (part, i) =>
        {
            Output dx = Graph.Begin("Conv2D", Name("input_gradient", i), part, exchanged).Ints("strides", 1, 1, 1, 1)
                .Text("padding", "EXPLICIT").Ints("explicit_paddings", 0, 0, padding, padding, padding, padding, 0, 0).Finish();
            return unread == 0 ? dx : Graph.Add("Pad", Name("unread_gradient", i), dx, Graph.Matrix(Name("unread_rows_and_columns", i), 2, 0, 0, 0, unread, 0, unread, 0, 0));
        });
    }

    /// <summary>The part of the input [B, H − unread, W − unread, Cin] that the wanted outputs need.</summary>
    private Output Read(Output x, int part) => unread == 0
        ? x
        : Graph.Add(
            "Slice",
            Name("read", part),
            x,
            Graph.Const(Name("read_from", part), 0, 0, 0, 0),
            Graph.Const(Name("read_size", part), -1, layer.InputShape[0] - unread, layer.InputShape[1] - unread, layer.InputShape[2]));

    /// <summary>
    /// conv(scale·x + shift, kernel) + bias = conv(x, scale·kernel) + (bias + Σ shift·kernel): no pass over the activations. Exact without
    /// padding only, whose zeros would have to be normalized as well.
    /// </summary>
    private (Output Kernel, Output Bias) Folded((Output Scale, Output Shift) affine)
    {
        taps = Graph.Add("Sum", Name("taps"), Kernel, Graph.Const(Name("tap_axes"), 0, 1));
        var added = Reshape(Name("shift_sum"), Graph.Add("MatMul", Name("shift_MatMul"), Reshape(Name("shift_row"), affine.Shift, 1, Inputs), taps), Outputs);
        return (Graph.Add("Mul", Name("scaled_kernel"), Kernel, Reshape(Name("scale_column"), affine.Scale, Inputs, 1)), Graph.Add("AddV2", Name("shifted_bias"), Bias, added));
    }

    /// <summary>
    /// The gradients behind the folding: from dK by the folded kernel and db by the folded bias that by the kernel [3, 3, Cin, Cout],
    /// scale·dK + shift·db, and for the normalization those by scale, Σ kernel·dK, and by shift, Σ kernel·db, both [Cin].
    /// </summary>
    private Output Unfolded(Output dK, Output db, (Output Scale, Output Shift) affine)
    {
        var byScale = Graph.Add("Sum", Name("scale_gradient"), Graph.Add("Mul", Name("kernel_and_gradient"), Kernel, dK), Graph.Const(Name("scale_axes"), 0, 1, 3));
        var byShift = Reshape(Name("shift_gradient"), Graph.Add("MatMul", Name("shift_gradient_MatMul"), taps, Reshape(Name("bias_gradient_column"), db, Outputs, 1)), Inputs);
        normalization!.DeferredGradient = (byScale, byShift);

        var scaled = Graph.Add("Mul", Name("kernel_gradient_scaled"), dK, Reshape(Name("gradient_scale_column"), affine.Scale, Inputs, 1));
        var outer = Graph.Add("Mul", Name("kernel_gradient_shift"), Reshape(Name("shift_column"), affine.Shift, Inputs, 1), Reshape(Name("bias_gradient_row"), db, 1, Outputs));
        return Graph.Add("AddV2", Name("kernel_gradient_unfolded"), scaled, outer);
    }

    private Output Relu(string prefix, Output x, int part)
    {
        var z = Graph.Add("BiasAdd", Name($"{prefix}BiasAdd", part), Convolution("Conv2D", Name($"{prefix}Conv2D", part), x, usedKernel), usedBias);
        return Graph.Add("Relu", Name($"{prefix}Relu", part), z);
    }

    private Output Convolution(string type, string name, params ReadOnlySpan<Output> inputs) =>
        Graph.Begin(type, name, inputs).Ints("strides", 1, 1, 1, 1).Text("padding", layer.Padding == ConvPadding.Same ? "SAME" : "VALID").Finish();
}
