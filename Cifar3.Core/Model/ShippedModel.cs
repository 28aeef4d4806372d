namespace Cifar3;

/// <summary>The model of the folder assets, embedded in the library.</summary>
internal static class ShippedModel
{
    /// <summary>The whole ONNX file.</summary>
    public static byte[] Read()
    {
        using var stream = typeof(ShippedModel).Assembly.GetManifestResourceStream("cifar3.onnx")!;
        var onnx = new byte[stream.Length];
        stream.ReadExactly(onnx);
        return onnx;
    }
}
