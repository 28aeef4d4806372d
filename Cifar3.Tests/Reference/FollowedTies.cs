namespace Cifar3.Tests;

/// <summary>
/// The oracle's last forward pass with an engine's side taken at the ties: where a ReLU's input is nearly 0, or two inputs of a pooling window are
/// nearly equal, both are right, and the gradient of one choice is no measure of the other's.
/// </summary>
internal static class FollowedTies
{
    /// <summary>What counts as nearly, relative to the root mean square of the convolution's output: float32's rounding of these layers, 2e-6, with room.</summary>
    private const double Nearly = 1e-5;

    /// <summary>
    /// Changes the choices of the pass to the engine's, so that the next <see cref="ReferenceNetwork.Backward(ReadOnlySpan{int})"/> follows them; fails
    /// where one differs that is no tie.
    /// </summary>
    /// <param name="network">The oracle after its forward pass.</param>
    /// <param name="model">The network.</param>
    /// <param name="engine">The engine's outputs of the same pass, by layer, convolutions after ReLU.</param>
    /// <returns>Number of choices changed.</returns>
    public static int Take(ReferenceNetwork network, CnnModel model, IReadOnlyDictionary<string, float[]> engine)
    {
        int changed = 0;
        foreach (var conv in model.Layers.OfType<Conv2DLayer>())
        {
            double[] z = network.PreActivations[conv.Name];
            float[] y = engine[conv.Name];
            Assert.That(y, Has.Length.EqualTo(z.Length), conv.Name);
            double near = Nearly * Math.Sqrt(z.Average(value => value * value));
            if (conv.Padding == ConvPadding.Same)
            {
                foreach (int n in Enumerable.Range(0, z.Length).Where(n => z[n] > 0 != y[n] > 0))
                {
                    Open(n, y[n] > 0);
                }
            }
            else
            {
                int[] argmax = network.Argmax[model.Layers[model.Layers.ToList().IndexOf(conv) + 1].Name];
                for (int n = 0; n < argmax.Length; n++)
                {
                    int chosen = Windows(conv, n).MaxBy(candidate => y[candidate]); // the first of equals
                    if (chosen != argmax[n] && (y[chosen] > 0 || z[argmax[n]] > 0))
                    {
                        Change(z[argmax[n]] - z[chosen]);
                        argmax[n] = chosen;
                    }

                    if (z[chosen] > 0 != y[chosen] > 0 && chosen == argmax[n])
                    {
                        Open(chosen, y[chosen] > 0);
                    }
                }
            }

            void Open(int n, bool open)
            {
                Change(z[n]);
                z[n] = open ? double.Epsilon : 0;
            }

            void Change(double distance)
            {
                Assert.That(Math.Abs(distance), Is.LessThan(near), $"{conv.Name}: the engine chooses otherwise, and it is no tie");
                changed++;
            }
        }

        return changed;
    }

    /// <summary>Indices in [B, H, W, C] of the four inputs of the n-th pooled value [B, H/2, W/2, C], rows before columns.</summary>
    private static int[] Windows(Conv2DLayer conv, int n)
    {
        int H = conv.OutputShape[0], W = conv.OutputShape[1], C = conv.Filters;
        int c = n % C, j = n / C % (W / 2), i = n / C / (W / 2) % (H / 2), b = n / C / (W / 2) / (H / 2);
        int first = ((b * H + 2 * i) * W + 2 * j) * C + c;
        return [first, first + C, first + W * C, first + (W + 1) * C];
    }
}
