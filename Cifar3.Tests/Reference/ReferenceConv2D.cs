using System.Numerics.Tensors;

namespace Cifar3.Tests;

/// <summary>Sizes of a 3×3 convolution: x [B, H, W, Cin] to y [B, OutH, OutW, Cout]; pad 1 = "same" (a border of zeros), 0 = "valid".</summary>
internal readonly record struct ConvShape(int B, int H, int W, int Cin, int Cout, int Pad)
{
    public int OutH => H + 2 * Pad - 2;

    public int OutW => W + 2 * Pad - 2;

    public int InputCount => B * H * W * Cin;

    public int OutputCount => B * OutH * OutW * Cout;

    /// <summary>The channels of one input pixel; it must lie inside the image.</summary>
    public Range In(int b, int i, int j) => Pixel(((b * H + i) * W + j) * Cin, Cin);

    /// <summary>The channels of one output pixel.</summary>
    public Range Out(int b, int i, int j) => Pixel(((b * OutH + i) * OutW + j) * Cout, Cout);

    public bool Inside(int i, int j) => i >= 0 && i < H && j >= 0 && j < W;

    private static Range Pixel(int start, int length) => start..(start + length);
}

/// <summary>
/// 3×3 convolution, stride 1, with bias and no activation (<see cref="ReferenceRelu"/> follows), in double:
/// z[b,i,j,o] = bias[o] + Σ over kh, kw, c of x[b, i+kh−pad, j+kw−pad, c]·kernel[kh,kw,c,o], x = 0 outside the image.
/// </summary>
/// <remarks>
/// x [B,H,W,Cin] and z [B,H',W',Cout] NHWC, kernel [3,3,Cin,Cout] as Keras stores it, bias [Cout]. All outputs are written (=).
/// Work is split so that every sum is taken by one thread in one order: images for z and dx, the nine taps for dkernel.
/// The innermost loop, y += a·x over a span, is TensorPrimitives.MultiplyAdd: a product and a sum, each rounded, as the plain loop.
/// </remarks>
internal static class ReferenceConv2D
{
    public static void Forward(double[] x, double[] kernel, double[] bias, ConvShape shape, double[] z) =>
        Parallel.For(0, shape.B, b =>
        {
            for (int i = 0; i < shape.OutH; i++)
                for (int j = 0; j < shape.OutW; j++)
                {
                    var pixel = z.AsSpan(shape.Out(b, i, j));
                    bias.CopyTo(pixel);
                    for (int kh = 0; kh < 3; kh++)
                        for (int kw = 0; kw < 3; kw++)
                        {
                            int h = i + kh - shape.Pad, w = j + kw - shape.Pad;
                            if (!shape.Inside(h, w))
                                continue;
                            var input = x.AsSpan(shape.In(b, h, w));
                            for (int c = 0; c < shape.Cin; c++)
                                AddScaled(pixel, input[c], kernel.AsSpan(((kh * 3 + kw) * shape.Cin + c) * shape.Cout, shape.Cout));
                        }
                }
        });

    // dx[b,h,w,c]        = Σ kh,kw,o  dz[b, h−kh+pad, w−kw+pad, o]·kernel[kh,kw,c,o]
    // dkernel[kh,kw,c,o] = Σ b,i,j    x[b, i+kh−pad, j+kw−pad, c]·dz[b,i,j,o]
    // dbias[o]           = Σ b,i,j    dz[b,i,j,o]
    public static void Backward(double[] dz, double[] x, double[] kernel, ConvShape shape, double[] dx, double[] dkernel, double[] dbias)
    {
        double[] turned = Turned(kernel, shape); // [3,3,Cout,Cin]: so that dx, too, is a sum of scaled rows
        Array.Clear(dx);
        Parallel.For(0, shape.B, b => EachTap(b, shape, (tap, input, output) =>
        {
            for (int o = 0; o < shape.Cout; o++)
                AddScaled(dx.AsSpan(input), dz[output.Start.Value + o], turned.AsSpan((tap * shape.Cout + o) * shape.Cin, shape.Cin));
        }));

        Array.Clear(dkernel);
        Parallel.For(0, 9, only =>
        {
            for (int b = 0; b < shape.B; b++)
                EachTap(b, shape, (tap, input, output) =>
                {
                    for (int c = 0; c < shape.Cin; c++)
                        AddScaled(dkernel.AsSpan((tap * shape.Cin + c) * shape.Cout, shape.Cout), x[input.Start.Value + c], dz.AsSpan(output));
                }, only);
        });

        Array.Clear(dbias);
        for (int n = 0; n < dz.Length; n++)
            dbias[n % shape.Cout] += dz[n];
    }

    /// <summary>Visits each pair of input and output pixel that a tap (kh·3 + kw) of the kernel joins; of one tap only, or of all.</summary>
    private static void EachTap(int b, ConvShape shape, Action<int, Range, Range> visit, int? only = null)
    {
        for (int i = 0; i < shape.OutH; i++)
            for (int j = 0; j < shape.OutW; j++)
                for (int tap = only ?? 0; tap <= (only ?? 8); tap++)
                {
                    int h = i + tap / 3 - shape.Pad, w = j + tap % 3 - shape.Pad;
                    if (shape.Inside(h, w))
                        visit(tap, shape.In(b, h, w), shape.Out(b, i, j));
                }
    }

    private static double[] Turned(double[] kernel, ConvShape shape)
    {
        var turned = new double[kernel.Length];
        for (int tap = 0; tap < 9; tap++)
            for (int c = 0; c < shape.Cin; c++)
                for (int o = 0; o < shape.Cout; o++)
                    turned[(tap * shape.Cout + o) * shape.Cin + c] = kernel[(tap * shape.Cin + c) * shape.Cout + o];
        return turned;
    }

    /// <summary>y += a·x. Nothing to do where a is 0, as it is after ReLU, pooling and dropout more often than not.</summary>
    private static void AddScaled(Span<double> y, double a, ReadOnlySpan<double> x)
    {
        if (a != 0)
            TensorPrimitives.MultiplyAdd(x, a, y, y);
    }
}
