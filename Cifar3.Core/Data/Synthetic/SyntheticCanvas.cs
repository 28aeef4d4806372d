namespace Cifar3;

/// <summary>A colour, each part 0 to 1.</summary>
internal readonly record struct Rgb(double R, double G, double B)
{
    /// <summary>The same hue, lighter (factor above 1) or darker.</summary>
    public Rgb Shade(double factor) => new(Math.Clamp(R * factor, 0, 1), Math.Clamp(G * factor, 0, 1), Math.Clamp(B * factor, 0, 1));

    /// <summary>This colour and a share of another.</summary>
    public Rgb Mix(Rgb other, double share) => new(R + (other.R - R) * share, G + (other.G - G) * share, B + (other.B - B) * share);
}

/// <summary>Where an object stands in the picture: its own coordinates, about -1 to 1 with y down, become pixels 0 to 32.</summary>
/// <param name="CentreX">Pixel column of the object's origin.</param>
/// <param name="CentreY">Pixel row of the object's origin.</param>
/// <param name="ScaleX">Pixels a unit along the object; negative mirrors it.</param>
/// <param name="ScaleY">Pixels a unit across the object.</param>
/// <param name="HalfTurn">Tangent of half the angle it is turned by: cosine and sine follow from it without library functions, which differ between machines.</param>
internal readonly record struct Placement(double CentreX, double CentreY, double ScaleX, double ScaleY, double HalfTurn)
{
    /// <summary>The pixel position of a point of the object.</summary>
    public (double X, double Y) ToPixels(double x, double y)
    {
        double square = HalfTurn * HalfTurn, cosine = (1 - square) / (1 + square), sine = 2 * HalfTurn / (1 + square);
        (x, y) = (x * ScaleX, y * ScaleY);
        return (CentreX + x * cosine - y * sine, CentreY + x * sine + y * cosine);
    }
}

/// <summary>
/// 32×32 pixels of 3×3 samples each, on which filled polygons are drawn one over the other. Only additions, multiplications
/// and divisions: the same bits on every machine. One canvas serves many pictures, one after the other: <see cref="Paint"/> starts anew.
/// </summary>
internal sealed class SyntheticCanvas
{
    private const int Size = CnnArchitecture.InputSize, Samples = 3, Side = Size * Samples;

    private static readonly (double X, double Y)[] Circle = CreateCircle();

    private readonly Rgb[] samples = new Rgb[Side * Side];
    private readonly List<double> crossings = [];

    /// <summary>Sets every pixel of the background.</summary>
    /// <param name="colour">The colour at a row and column, 0 to 31 each.</param>
    public void Paint(Func<int, int, Rgb> colour)
    {
        for (int y = 0; y < Size; y++)
        {
            for (int x = 0; x < Size; x++)
            {
                var value = colour(y, x);
                for (int dy = 0; dy < Samples; dy++)
                {
                    samples.AsSpan((y * Samples + dy) * Side + x * Samples, Samples).Fill(value);
                }
            }
        }
    }

    /// <summary>Fills a polygon given in the object's coordinates.</summary>
    public void Polygon(Placement place, Rgb colour, double opacity, params ReadOnlySpan<(double X, double Y)> corners)
    {
        Span<(double X, double Y)> pixels = stackalloc (double, double)[corners.Length];
        double top = Side, bottom = 0;
        for (int i = 0; i < corners.Length; i++)
        {
            var (x, y) = place.ToPixels(corners[i].X, corners[i].Y);
            pixels[i] = (x * Samples, y * Samples);
            (top, bottom) = (Math.Min(top, pixels[i].Y), Math.Max(bottom, pixels[i].Y));
        }

        for (int row = Math.Max(0, (int)top); row < Math.Min(Side, bottom); row++)
        {
            FillRow(pixels, row, colour, opacity);
        }
    }

    /// <summary>Fills an ellipse given in the object's coordinates.</summary>
    public void Ellipse(Placement place, Rgb colour, double centreX, double centreY, double radiusX, double radiusY, double opacity = 1)
    {
        Span<(double X, double Y)> corners = stackalloc (double, double)[Circle.Length];
        for (int i = 0; i < corners.Length; i++)
        {
            corners[i] = (centreX + Circle[i].X * radiusX, centreY + Circle[i].Y * radiusY);
        }

        Polygon(place, colour, opacity, corners);
    }

    /// <summary>The mean colour of the middle half of what is drawn so far.</summary>
    public Rgb Mean()
    {
        double red = 0, green = 0, blue = 0;
        int count = 0;
        for (int y = Side / 4; y < Side * 3 / 4; y += Samples)
        {
            for (int x = Side / 4; x < Side * 3 / 4; x += Samples, count++)
            {
                var sample = samples[y * Side + x];
                (red, green, blue) = (red + sample.R, green + sample.G, blue + sample.B);
            }
        }

        return new Rgb(red / count, green / count, blue / count);
    }

    /// <summary>The picture: each pixel the mean of its samples.</summary>
    /// <param name="colours">Receives [32, 32].</param>
    public void Resolve(Span<Rgb> colours)
    {
        for (int i = 0; i < colours.Length; i++)
        {
            double red = 0, green = 0, blue = 0;
            for (int s = 0; s < Samples * Samples; s++)
            {
                var sample = samples[(i / Size * Samples + s / Samples) * Side + i % Size * Samples + s % Samples];
                red += sample.R;
                green += sample.G;
                blue += sample.B;
            }

            const double Count = Samples * Samples;
            colours[i] = new Rgb(red / Count, green / Count, blue / Count);
        }
    }

    /// <summary>Fills between every other pair of edges that cross the middle of the row (even-odd rule).</summary>
    private void FillRow(ReadOnlySpan<(double X, double Y)> corners, int row, Rgb colour, double opacity)
    {
        double y = row + 0.5;
        crossings.Clear();
        for (int i = 0; i < corners.Length; i++)
        {
            var (a, b) = (corners[i], corners[(i + 1) % corners.Length]);
            if (a.Y <= y != b.Y <= y)
            {
                crossings.Add(a.X + (y - a.Y) / (b.Y - a.Y) * (b.X - a.X));
            }
        }

        crossings.Sort();
        for (int i = 0; i + 1 < crossings.Count; i += 2)
        {
            int end = (int)Math.Clamp(crossings[i + 1] + 0.5, 0, Side);
            for (int column = (int)Math.Clamp(crossings[i] + 0.5, 0, Side); column < end; column++)
            {
                ref var sample = ref samples[row * Side + column];
                sample = sample.Mix(colour, opacity);
            }
        }
    }

    /// <summary>20 points on the unit circle, from tangents of half angles.</summary>
    private static (double X, double Y)[] CreateCircle()
    {
        var points = new (double X, double Y)[20];
        for (int i = 0; i < 5; i++)
        {
            double t = i / 5.0, cosine = (1 - t * t) / (1 + t * t), sine = 2 * t / (1 + t * t);
            points[i] = (cosine, sine);
            points[i + 5] = (-sine, cosine);
            points[i + 10] = (-cosine, -sine);
            points[i + 15] = (sine, -cosine);
        }

        return points;
    }
}
