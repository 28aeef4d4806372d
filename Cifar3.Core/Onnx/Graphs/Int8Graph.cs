using Onnx;
using static Cifar3.OnnxGraphBuilder;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Cifar3;

/// <summary>
/// The network of 8 bits in QDQ form: float operators between DequantizeLinear and QuantizeLinear, which runtimes fuse into integer ones
/// (ONNX Runtime: QLinearConv).
/// </summary>
/// <remarks>
/// Activations are uint8 with zero point 0: they stand after ReLU, so QuantizeLinear's clipping at 0 is that ReLU, and unsigned bytes times
/// signed weights is what x86's VNNI multiplies (signed activations run five times slower in ONNX Runtime). The input is uint8 as it is, scale
/// 1/255. Weights are int8, symmetric, one scale a channel. Maxima and transpositions work on the bytes.
/// <see href="https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html"/>, <see href="https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html"/>,
/// <see href="https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html"/>.
/// </remarks>
internal sealed class Int8Graph
{
    private const int Steps = 255;

    private readonly OnnxGraphBuilder graph;
    private float scale; // of the current tensor's bytes
    private string[] parameters = []; // names of scale and zero point

    private readonly bool reduceRange;

    private Int8Graph(FoldedNetwork network, bool reduceRange)
    {
        graph = OptimizedGraph.Start("cifar3_cnn_int8", network);
        this.reduceRange = reduceRange;
    }

    /// <summary>The whole graph, weights included.</summary>
    /// <param name="network">The folded network.</param>
    /// <param name="ranges">The largest activation of each convolution's output.</param>
    /// <param name="options">Which layers stay in float32.</param>
    public static GraphProto Create(FoldedNetwork network, IReadOnlyList<float> ranges, OnnxExportOptions options)
    {
        var quantized = new Int8Graph(network, options.ReduceRange);
        for (int i = 0; i < network.Convolutions.Count; i++)
        {
            var conv = network.Convolutions[i];
            if (i == 0 && !options.QuantizeFirstLayer)
            {
                OptimizedGraph.AddFirstConvolution(quantized.graph, conv);
            }
            else
            {
                quantized.AddConvolution(conv, first: i == 0);
            }

            quantized.Quantize(conv, ranges[i]);
        }

        quantized.AddDense(network, options.QuantizeLastLayer);
        return quantized.graph.Proto;
    }

    private void AddConvolution(FoldedConvolution conv, bool first)
    {
        if (first)
        {
            SetScale(OptimizedGraph.InputName, 1f / Steps);
        }

        Dequantize(conv.Name);
        int each = conv.Kernel.Length / conv.Outputs;
        var (values, scales) = QuantizedTensor.Weights(conv.Kernel, conv.Outputs, i => i / each, reduceRange);
        string kernel = Weights($"{conv.Name}/kernel", values, scales, axis: 0, conv.Outputs, conv.Inputs, Conv2DLayer.KernelSize, Conv2DLayer.KernelSize);
        graph.Convolution(conv.Name, conv.Outputs, conv.OutputSize, conv.Border, kernel, Bias($"{conv.Name}/bias", conv.Bias, scales), conv.Border == 0 ? "Keras Conv2D of 8 bits with the batch normalization before it folded in." : "Keras Conv2D of 8 bits.");
    }

    private void AddDense(FoldedNetwork network, bool quantize)
    {
        var dense = network.Dense;
        graph.Flatten("flatten", DataType.Uint8);
        Dequantize(dense.Name);
        if (!quantize)
        {
            OptimizedGraph.AddDense(graph, network, "Keras Dense in float32.");
            return;
        }

        var (values, scales) = QuantizedTensor.Weights(network.DenseKernel, dense.Units, i => i / dense.InputShape[0], reduceRange);
        string kernel = Weights($"{dense.Name}/kernel", values, scales, axis: 0, dense.Units, dense.InputShape[0]);
        graph.Dense(dense.Name, dense.Units, kernel, Bias($"{dense.Name}/bias", network.DenseBias, scales), "Keras Dense of 8 bits.");
    }

    private void SetScale(string name, float value)
    {
        scale = value;
        parameters = [graph.Constant($"{name}/scale", [value]), graph.Constant(TensorData.Create<byte>($"{name}/zero_point", DataType.Uint8, [0]))];
    }

    private void Quantize(FoldedConvolution conv, float range)
    {
        SetScale($"{conv.Name}/relu", range / Steps);
        graph.Then($"{conv.Name}/quantize", "QuantizeLinear", "To bytes; larger values are clipped to 255.", DataType.Uint8, graph.Shape, parameters);
        if (conv.Pooling is not null)
        {
            graph.MaxPooling(conv.Pooling, DataType.Uint8);
        }
    }

    private void Dequantize(string consumer) =>
        graph.Then($"{consumer}/dequantize", "DequantizeLinear", "From bytes; a runtime fuses this with the layer after it.", DataType.Float, graph.Shape, parameters);

    private string Weights(string name, byte[] values, float[] scales, int axis, params ReadOnlySpan<int> dims)
    {
        graph.Constant($"{name}/scale", scales, scales.Length);
        graph.Constant(TensorData.Create<byte>($"{name}/zero_point", DataType.Int8, new byte[scales.Length], scales.Length));
        return DequantizedConstant(graph.Constant(TensorData.Create<byte>($"{name}/int8", DataType.Int8, values, dims)), name, axis, $"{name}/scale", $"{name}/zero_point");
    }

    private string Bias(string name, float[] bias, float[] weightScales)
    {
        var (values, scales) = QuantizedTensor.Bias(bias, scale, weightScales);
        graph.Constant($"{name}/scale", scales, scales.Length);
        return DequantizedConstant(graph.Constant(TensorData.Create<int>($"{name}/int32", DataType.Int32, values, values.Length)), name, axis: 0, $"{name}/scale");
    }

    private string DequantizedConstant(string constant, string name, int axis, params string[] constants)
    {
        graph.AddNode($"{name}/dequantize", "DequantizeLinear", name, [constant, .. constants], Int("axis", axis)).DocString = "From 8 or 32 bits, one scale a channel.";
        return name;
    }
}
