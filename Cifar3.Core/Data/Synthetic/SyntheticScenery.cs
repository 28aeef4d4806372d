namespace Cifar3;

/// <summary>Backgrounds of the drawn pictures. Every class is seen before every background, in different shares, as in life.</summary>
internal static class SyntheticScenery
{
    private const int Size = CnnArchitecture.InputSize;

    /// <summary>Paints one of six backgrounds and some clutter.</summary>
    /// <param name="canvas">Receives the background.</param>
    /// <param name="dice">The picture's random choices.</param>
    /// <param name="label">0 aeroplane, 1 car, 2 bird: shifts the shares of the backgrounds.</param>
    public static void Paint(SyntheticCanvas canvas, Dice dice, int label)
    {
        int kind = label switch
        {
            0 => dice.Weighted(0.40, 0.24, 0.06, 0.12, 0.08, 0.10),
            1 => dice.Weighted(0.10, 0.28, 0.12, 0.32, 0.05, 0.13),
            _ => dice.Weighted(0.24, 0.20, 0.28, 0.06, 0.12, 0.10),
        };
        var noise = new ValueNoise(dice, dice.Next(4) + 3);
        var fine = new ValueNoise(dice, 11);
        switch (kind)
        {
            case 0: Sky(canvas, dice, noise); break;
            case 1: Landscape(canvas, dice, noise, fine); break;
            case 2: Foliage(canvas, dice, noise, fine); break;
            case 3: Street(canvas, dice, fine); break;
            case 4: Water(canvas, dice, noise); break;
            default: Wall(canvas, dice, noise); break;
        }

        for (int i = dice.Next(3); i > 0; i--)
        {
            Clutter(canvas, dice, dice.Between(1, 4));
        }
    }

    /// <summary>A few thin strips or spots that may lie over the object.</summary>
    public static void Occlude(SyntheticCanvas canvas, Dice dice)
    {
        for (int i = dice.Weighted(0.7, 0.25, 0.05); i > 0; i--)
        {
            Clutter(canvas, dice, dice.Between(0.5, 1.6));
        }
    }

    private static void Clutter(SyntheticCanvas canvas, Dice dice, double thickness)
    {
        var place = new Placement(dice.Between(0, Size), dice.Between(0, Size), dice.Between(2, 9), thickness, dice.Between(-1, 1));
        var colour = dice.Colour();
        double opacity = dice.Between(0.5, 1);
        if (dice.Chance(0.5))
        {
            canvas.Ellipse(place, colour, 0, 0, dice.Between(0.2, 0.6), 1, opacity);
        }
        else
        {
            canvas.Polygon(place, colour, opacity, (-1, -0.5), (1, -0.5 * dice.Between(0, 1)), (1, 0.5), (-1, 0.5));
        }
    }

    private static Rgb SkyColour(Dice dice) => dice.Weighted(0.6, 0.25, 0.15) switch
    {
        0 => dice.Near(0.45, 0.65, 0.9, 0.15),
        1 => dice.Near(0.75, 0.77, 0.8),
        _ => dice.Near(0.85, 0.6, 0.45),
    };

    private static void Sky(SyntheticCanvas canvas, Dice dice, ValueNoise clouds)
    {
        Rgb top = SkyColour(dice), bottom = top.Mix(new Rgb(1, 1, 1), dice.Between(0, 0.6)), cloud = dice.Near(0.92, 0.92, 0.93, 0.08);
        double cover = dice.Between(0.2, 0.9);
        canvas.Paint((y, x) => top.Mix(bottom, y / 31.0).Mix(cloud, Math.Clamp((clouds[y, x] - cover) * 3, 0, 0.9)));
    }

    private static void Landscape(SyntheticCanvas canvas, Dice dice, ValueNoise hills, ValueNoise grain)
    {
        Rgb sky = SkyColour(dice), ground = dice.Pick(dice.Near(0.35, 0.5, 0.2), dice.Near(0.6, 0.5, 0.35), dice.Near(0.45, 0.45, 0.45), dice.Near(0.85, 0.87, 0.9));
        double horizon = dice.Between(6, 26), rough = dice.Between(0, 10), strength = dice.Between(0.1, 0.5);
        canvas.Paint((y, x) => y < horizon + rough * (hills[3, x] - 0.5) ? sky.Mix(new Rgb(1, 1, 1), y / 80.0) : ground.Shade(1 - strength / 2 + strength * grain[y, x]));
    }

    private static void Foliage(SyntheticCanvas canvas, Dice dice, ValueNoise coarse, ValueNoise grain)
    {
        Rgb dark = dice.Near(0.12, 0.22, 0.1, 0.1), light = dice.Pick(dice.Near(0.5, 0.62, 0.3), dice.Near(0.62, 0.52, 0.3));
        canvas.Paint((y, x) => dark.Mix(light, Math.Clamp(0.7 * coarse[y, x] + 0.5 * grain[y, x] - 0.1, 0, 1)));
        for (int i = dice.Next(4); i > 0; i--)
        {
            var branch = new Placement(dice.Between(0, Size), dice.Between(0, Size), dice.Between(10, 30), dice.Between(0.5, 2), dice.Between(-1, 1));
            canvas.Polygon(branch, dice.Near(0.3, 0.22, 0.15, 0.1), 1, (-1, -0.6), (1, -0.2), (1, 0.2), (-1, 0.6));
        }
    }

    private static void Street(SyntheticCanvas canvas, Dice dice, ValueNoise grain)
    {
        Rgb sky = SkyColour(dice), road = dice.Near(0.45, 0.44, 0.43, 0.15);
        double kerb = dice.Between(14, 25);
        canvas.Paint((y, x) => y < kerb ? sky : road.Shade(0.85 + 0.3 * grain[y, x]));
        var upright = new Placement(0, 0, 1, 1, 0);
        for (double left = dice.Between(-8, 0); left < Size;)
        {
            double width = dice.Between(4, 14), roof = dice.Between(-4, kerb), right = left + width;
            var wall = dice.Pick(dice.Near(0.6, 0.45, 0.38), dice.Near(0.7, 0.68, 0.62), dice.Near(0.4, 0.42, 0.48));
            canvas.Polygon(upright, wall, 1, (left, roof), (right, roof), (right, kerb), (left, kerb));
            for (double window = roof + 1.5; window < kerb - 2; window += 4)
            {
                canvas.Polygon(upright, wall.Shade(0.55), 1, (left + 1, window), (right - 1, window), (right - 1, window + 1.5), (left + 1, window + 1.5));
            }

            left = right + dice.Between(0, 4);
        }
    }

    private static void Water(SyntheticCanvas canvas, Dice dice, ValueNoise waves)
    {
        Rgb deep = dice.Near(0.15, 0.35, 0.5), bright = deep.Mix(new Rgb(1, 1, 1), dice.Between(0.15, 0.55));
        canvas.Paint((y, x) => deep.Mix(bright, waves[(y * 4) % Size, x]));
    }

    private static void Wall(SyntheticCanvas canvas, Dice dice, ValueNoise shade)
    {
        Rgb left = dice.Colour().Mix(new Rgb(0.6, 0.6, 0.6), 0.5), right = left.Shade(dice.Between(0.6, 1.4));
        canvas.Paint((y, x) => left.Mix(right, x / 31.0).Shade(0.9 + 0.2 * shade[y, x]));
    }

    /// <summary>Smooth random values 0 to 1 over 32×32 pixels: a grid of random numbers, interpolated.</summary>
    private sealed class ValueNoise
    {
        private readonly double[] values = new double[Size * Size];

        public ValueNoise(Dice dice, int cells)
        {
            var grid = new double[(cells + 1) * (cells + 1)];
            for (int i = 0; i < grid.Length; i++)
            {
                grid[i] = dice.Between(0, 1);
            }

            for (int i = 0; i < values.Length; i++)
            {
                double y = (double)(i / Size * cells) / Size, x = (double)(i % Size * cells) / Size;
                int row = (int)y, column = (int)x, at = row * (cells + 1) + column;
                double v = Smooth(y - row), u = Smooth(x - column);
                double top = grid[at] + (grid[at + 1] - grid[at]) * u;
                double bottom = grid[at + cells + 1] + (grid[at + cells + 2] - grid[at + cells + 1]) * u;
                values[i] = top + (bottom - top) * v;
            }
        }

        public double this[int y, int x] => values[y * Size + x];

        private static double Smooth(double t) => t * t * (3 - 2 * t);
    }
}
