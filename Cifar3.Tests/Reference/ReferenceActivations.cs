namespace Cifar3.Tests;

/// <summary>ReLU in double: y = max(0, z); the slope at 0 is 0, as in TensorFlow.</summary>
internal static class ReferenceRelu
{
    public static void Forward(double[] z, double[] y)
    {
        for (int n = 0; n < z.Length; n++)
            y[n] = Math.Max(0, z[n]);
    }

    // dz = dy where z > 0, else 0
    public static void Backward(double[] dy, double[] z, double[] dz)
    {
        for (int n = 0; n < z.Length; n++)
            dz[n] = z[n] > 0 ? dy[n] : 0;
    }
}

/// <summary>Inverted dropout by a given mask in double: y = x·keep/(1 − rate), keep 0 or 1. The mask itself is <c>DropoutMask</c>'s.</summary>
internal static class ReferenceDropout
{
    public static void Forward(double[] x, byte[] keep, double rate, double[] y)
    {
        for (int n = 0; n < x.Length; n++)
            y[n] = keep[n] * x[n] / (1 - rate);
    }

    // dx = dy·keep/(1 − rate): the layer is linear, so its backward pass is its forward pass.
    public static void Backward(double[] dy, byte[] keep, double rate, double[] dx) => Forward(dy, keep, rate, dx);
}

/// <summary>
/// 2×2 max-pooling with stride 2 in double, x [B, H, W, C] to y [B, H/2, W/2, C]; an odd last row or column is left out.
/// Forward keeps, for each y, the index in x of the largest: the first of equals, rows before columns.
/// </summary>
internal static class ReferenceMaxPooling2D
{
    public static void Forward(double[] x, int B, int H, int W, int C, double[] y, int[] argmax)
    {
        int n = 0;
        for (int b = 0; b < B; b++)
            for (int i = 0; i < H / 2; i++)
                for (int j = 0; j < W / 2; j++)
                    for (int c = 0; c < C; c++, n++)
                    {
                        argmax[n] = At(0, 0);
                        foreach (int candidate in (ReadOnlySpan<int>)[At(0, 1), At(1, 0), At(1, 1)])
                            if (x[candidate] > x[argmax[n]])
                                argmax[n] = candidate;
                        y[n] = x[argmax[n]];

                        int At(int di, int dj) => ((b * H + 2 * i + di) * W + 2 * j + dj) * C + c;
                    }
    }

    // dx = dy where x was the largest of its window, 0 elsewhere
    public static void Backward(double[] dy, int[] argmax, double[] dx)
    {
        Array.Clear(dx);
        for (int n = 0; n < dy.Length; n++)
            dx[argmax[n]] += dy[n];
    }
}
