namespace Cifar3;

/// <summary>Convolution kernels between Keras' layout [3, 3, Cin, Cout] and ONNX's [Cout, Cin, 3, 3]: moves values, changes no bit.</summary>
internal static class OnnxKernelLayout
{
    private const int Taps = Conv2DLayer.KernelSize * Conv2DLayer.KernelSize;

    /// <summary>to[co, ci, tap] = from[tap, ci, co].</summary>
    public static float[] ToOnnx(ReadOnlySpan<float> keras, int inputs, int outputs)
    {
        var onnx = new float[keras.Length];
        for (int tap = 0; tap < Taps; tap++)
        {
            for (int ci = 0; ci < inputs; ci++)
            {
                for (int co = 0; co < outputs; co++)
                {
                    onnx[(co * inputs + ci) * Taps + tap] = keras[(tap * inputs + ci) * outputs + co];
                }
            }
        }

        return onnx;
    }

    /// <summary>to[tap, ci, co] = from[co, ci, tap].</summary>
    public static float[] ToKeras(ReadOnlySpan<float> onnx, int inputs, int outputs)
    {
        var keras = new float[onnx.Length];
        for (int tap = 0; tap < Taps; tap++)
        {
            for (int ci = 0; ci < inputs; ci++)
            {
                for (int co = 0; co < outputs; co++)
                {
                    keras[(tap * inputs + ci) * outputs + co] = onnx[(co * inputs + ci) * Taps + tap];
                }
            }
        }

        return keras;
    }
}
