namespace Cifar3;

/// <summary>Draws the three objects in several views each, with proportions, colours and pose from the dice. Units: about -1 to 1, y down, nose to the right.</summary>
internal static class SyntheticObjects
{
    private static readonly Rgb Dark = new(0.1, 0.1, 0.12), Glass = new(0.22, 0.28, 0.36), White = new(0.95, 0.95, 0.95);

    /// <summary>Draws the object of a label (0 aeroplane, 1 car, 2 bird) somewhere on the canvas.</summary>
    public static void Draw(SyntheticCanvas canvas, Dice dice, int label)
    {
        int view = label == 2 ? dice.Weighted(0.4, 0.25, 0.35) : dice.Next(2);
        double size = dice.Between(11.5, 16), stretch = dice.Between(0.8, 1.15);
        double lean = (label, view) switch
        {
            (0, 0) => dice.Between(-1, 1),      // an aeroplane from above points anywhere
            (0, _) => dice.Between(-0.3, 0.2),
            (1, _) => dice.Between(-0.09, 0.09),
            (_, 1) => dice.Between(-0.45, 0.45), // a flying bird banks
            _ => dice.Between(-0.2, 0.2),
        };
        var place = new Placement(dice.Between(12.5, 19.5), dice.Between(13, 19), dice.Chance(0.5) ? size : -size, size * stretch, lean);
        switch (label, view)
        {
            case (0, 0): AeroplaneFromAbove(canvas, dice, place); break;
            case (0, _): AeroplaneFromTheSide(canvas, dice, place); break;
            case (1, 0): CarFromTheSide(canvas, dice, place); break;
            case (1, _): CarFromTheFront(canvas, dice, place with { ScaleX = place.ScaleX * 0.85 }); break;
            case (_, 0): PerchedBird(canvas, dice, place); break;
            case (_, 1): FlyingBird(canvas, dice, place); break;
            default: SwimmingBird(canvas, dice, place); break;
        }
    }

    private static Rgb Metal(SyntheticCanvas canvas, Dice dice) => Distinct(canvas, dice, static d => d.Chance(0.85) ? d.Near(0.78, 0.79, 0.82, 0.18) : d.Colour());

    private static Rgb Paint(SyntheticCanvas canvas, Dice dice) => Distinct(canvas, dice, static d => d.Colour());

    private static Rgb Plumage(SyntheticCanvas canvas, Dice dice) => Distinct(canvas, dice, static d => d.Pick(
        d.Near(0.4, 0.28, 0.18), d.Near(0.15, 0.14, 0.15), d.Near(0.88, 0.88, 0.86, 0.1), d.Near(0.7, 0.25, 0.18), d.Near(0.25, 0.4, 0.65), d.Near(0.55, 0.52, 0.48), d.Near(0.75, 0.65, 0.2)));

    /// <summary>A colour that can mostly be told from the background: drawn anew, up to four times, while it is near the background's mean.</summary>
    private static Rgb Distinct(SyntheticCanvas canvas, Dice dice, Func<Dice, Rgb> draw)
    {
        var background = canvas.Mean();
        var colour = draw(dice);
        for (int i = 0; i < 4 && Math.Abs(colour.R - background.R) + Math.Abs(colour.G - background.G) + Math.Abs(colour.B - background.B) < 0.5; i++)
        {
            colour = draw(dice);
        }

        return colour;
    }

    private static void AeroplaneFromAbove(SyntheticCanvas canvas, Dice dice, Placement place)
    {
        Rgb body = Metal(canvas, dice), wing = body.Shade(dice.Between(0.65, 1.1));
        double width = dice.Between(0.1, 0.16), span = dice.Between(0.75, 1), sweep = dice.Between(0, 0.45), chord = dice.Between(0.22, 0.34), root = dice.Between(0.1, 0.25);
        foreach (int side in (ReadOnlySpan<int>)[-1, 1])
        {
            canvas.Polygon(place, wing, 1, (root, 0), (root - sweep, side * span), (root - sweep - 0.4 * chord, side * span), (root - chord, 0));
            canvas.Polygon(place, wing, 1, (-0.68, 0), (-0.82, side * 0.36), (-0.95, side * 0.36), (-0.9, 0));
            if (dice.Chance(0.6))
            {
                canvas.Ellipse(place, body.Shade(0.6), root - 0.4 * sweep, side * 0.42 * span, 0.13, 0.06);
            }
        }

        canvas.Ellipse(place, body, 0, 0, 0.98, width);
        canvas.Ellipse(place, Glass, 0.8, 0, 0.08, 0.6 * width);
    }

    private static void AeroplaneFromTheSide(SyntheticCanvas canvas, Dice dice, Placement place)
    {
        Rgb body = Metal(canvas, dice), tail = dice.Chance(0.5) ? dice.Colour() : body.Shade(0.9);
        double height = dice.Between(0.12, 0.2), fin = dice.Between(0.38, 0.6), wing = dice.Between(0.3, 0.55);
        canvas.Polygon(place, body.Shade(0.6), 1, (0.15, -0.05), (-0.1, -0.05), (-0.35, -0.75 * wing), (-0.22, -0.75 * wing));
        canvas.Polygon(place, tail, 1, (-0.55, -0.05), (-0.8, -fin), (-0.98, -fin), (-0.92, 0));
        canvas.Ellipse(place, body, 0, 0, 0.98, height);
        canvas.Polygon(place, body.Shade(0.75), 1, (-0.7, -0.02), (-0.95, 0.12), (-1.02, 0.1), (-0.88, -0.04));
        for (double x = -0.65; x < 0.65; x += 0.17)
        {
            canvas.Ellipse(place, Glass, x, -0.25 * height, 0.045, 0.05);
        }

        canvas.Ellipse(place, Glass, 0.82, -0.2 * height, 0.08, 0.3 * height);
        canvas.Polygon(place, body.Shade(0.72), 1, (0.25, 0.03), (-0.08, 0.06), (-0.5, wing), (-0.32, wing));
        canvas.Ellipse(place, body.Shade(0.5), 0, 0.22, 0.14, 0.08);
    }

    private static void CarFromTheSide(SyntheticCanvas canvas, Dice dice, Placement place)
    {
        Rgb paint = Paint(canvas, dice), rubber = Dark.Shade(dice.Between(0.6, 1.6));
        double roof = dice.Between(-0.6, -0.36), bonnet = dice.Between(-0.18, -0.04), front = dice.Between(0.2, 0.4), back = dice.Between(-0.85, -0.3), wheel = dice.Between(0.17, 0.24), floor = 0.28;
        double screen = front + dice.Between(0.15, 0.35), rear = Math.Max(back - dice.Between(0.05, 0.3), -0.95);
        canvas.Ellipse(place, Dark, 0, 0.48, 1.05, 0.1, 0.5); // shadow
        canvas.Polygon(place, paint, 1,
            (-0.97, floor), (-0.98, bonnet), (rear, bonnet - 0.05), (back, roof), (front, roof), (screen, bonnet - 0.03), (0.9, bonnet + 0.04), (0.99, 0.12), (0.98, floor));
        double top = roof + 0.07, sill = bonnet - 0.02, middle = (front + back) / 2;
        canvas.Polygon(place, Glass, 1, (middle + 0.03, top), (front - 0.02, top), (screen - 0.1, sill), (middle + 0.03, sill));
        canvas.Polygon(place, Glass, 1, (back + 0.03, top), (middle - 0.03, top), (middle - 0.03, sill), (rear + 0.12, sill));
        canvas.Polygon(place, paint.Shade(0.7), 1, (-0.97, 0.16), (0.98, 0.16), (0.98, floor), (-0.97, floor));
        foreach (double x in (ReadOnlySpan<double>)[-0.58, 0.6])
        {
            canvas.Ellipse(place, rubber, x, floor, wheel, wheel);
            canvas.Ellipse(place, dice.Near(0.65, 0.65, 0.67), x, floor, 0.5 * wheel, 0.5 * wheel);
        }

        canvas.Ellipse(place, new Rgb(1, 0.95, 0.7), 0.93, bonnet + 0.14, 0.05, 0.05);
        canvas.Ellipse(place, new Rgb(0.8, 0.1, 0.1), -0.95, bonnet + 0.12, 0.04, 0.05);
    }

    private static void CarFromTheFront(SyntheticCanvas canvas, Dice dice, Placement place)
    {
        Rgb paint = Paint(canvas, dice), light = dice.Chance(0.6) ? new Rgb(1, 0.97, 0.8) : new Rgb(0.8, 0.12, 0.1);
        double roof = dice.Between(-0.7, -0.45), belt = dice.Between(-0.18, 0), width = dice.Between(0.72, 0.9), cabin = width * dice.Between(0.62, 0.85);
        canvas.Ellipse(place, Dark, 0, 0.62, 1, 0.12, 0.5);
        foreach (int side in (ReadOnlySpan<int>)[-1, 1])
        {
            canvas.Polygon(place, Dark, 1, (side * width, 0.3), (side * (width - 0.25), 0.3), (side * (width - 0.25), 0.66), (side * width, 0.66));
            canvas.Ellipse(place, paint.Shade(0.7), side * (width + 0.08), belt - 0.02, 0.09, 0.06);
        }

        canvas.Polygon(place, paint, 1, (-width, 0.5), (-width, belt + 0.06), (-cabin, belt - 0.04), (-cabin * 0.86, roof), (cabin * 0.86, roof), (cabin, belt - 0.04), (width, belt + 0.06), (width, 0.5));
        canvas.Polygon(place, Glass, 1, (-cabin * 0.88, belt - 0.05), (-cabin * 0.76, roof + 0.08), (cabin * 0.76, roof + 0.08), (cabin * 0.88, belt - 0.05));
        canvas.Polygon(place, paint.Shade(0.45), 1, (-0.42, 0.18), (0.42, 0.18), (0.38, 0.36), (-0.38, 0.36));
        canvas.Polygon(place, White, 1, (-0.18, 0.38), (0.18, 0.38), (0.18, 0.47), (-0.18, 0.47));
        foreach (int side in (ReadOnlySpan<int>)[-1, 1])
        {
            canvas.Ellipse(place, light, side * (width - 0.18), 0.2, 0.14, 0.1);
        }
    }

    private static void PerchedBird(SyntheticCanvas canvas, Dice dice, Placement place)
    {
        Rgb body = Plumage(canvas, dice), breast = dice.Chance(0.6) ? body.Mix(White, dice.Between(0.2, 0.7)) : Plumage(canvas, dice), beak = dice.Near(0.75, 0.55, 0.2, 0.2), leg = dice.Near(0.35, 0.25, 0.15);
        double height = dice.Between(0.27, 0.38), head = dice.Between(0.17, 0.24), headX = dice.Between(0.36, 0.5), headY = dice.Between(-0.55, -0.36);
        foreach (double x in (ReadOnlySpan<double>)[-0.02, 0.14])
        {
            canvas.Polygon(place, leg, 1, (x, 0.2), (x + 0.05, 0.2), (x + 0.07, 0.75), (x + 0.01, 0.75));
        }

        canvas.Polygon(place, body.Shade(0.7), 1, (-0.35, -0.1), (-1, dice.Between(0.05, 0.3)), (-0.95, dice.Between(0.35, 0.5)), (-0.3, 0.2));
        canvas.Ellipse(place, body, 0, 0, 0.52, height);
        canvas.Polygon(place, body, 1, (0.1, -0.25), (headX - 0.8 * head, headY), (headX + 0.8 * head, headY + 0.1), (0.48, 0.05));
        canvas.Ellipse(place, breast, 0.2, 0.1, 0.28, 0.7 * height);
        canvas.Polygon(place, body.Shade(0.6), 1, (0.2, -0.12), (-0.1, -0.22), (-0.62, 0.14), (-0.05, 0.16));
        canvas.Ellipse(place, body.Shade(1.1), headX, headY, head, head);
        canvas.Polygon(place, beak, 1, (headX + 0.7 * head, headY - 0.07), (headX + head + dice.Between(0.14, 0.34), headY + 0.05), (headX + 0.7 * head, headY + 0.1));
        canvas.Ellipse(place, Dark, headX + 0.3 * head, headY - 0.05, 0.05, 0.05);
    }

    private static void FlyingBird(SyntheticCanvas canvas, Dice dice, Placement place)
    {
        Rgb body = Plumage(canvas, dice), wing = body.Shade(dice.Between(0.6, 1.2)), tip = dice.Chance(0.5) ? Dark : wing;
        double span = dice.Between(0.7, 1), far = dice.Between(0.5, 0.95), bend = dice.Between(0, 0.35);
        int up = dice.Chance(0.7) ? -1 : 1;
        Wing(up * far * span, wing.Shade(0.75), dice.Chance(0.5) ? up : -up);
        canvas.Polygon(place, body.Shade(0.8), 1, (-0.3, -0.03), (-0.75, -0.14), (-0.7, 0.03), (-0.75, 0.16), (-0.3, 0.07));
        canvas.Ellipse(place, body, 0, 0, 0.42, dice.Between(0.12, 0.18));
        canvas.Ellipse(place, body.Shade(1.1), 0.42, -0.06, 0.15, 0.13);
        canvas.Polygon(place, dice.Near(0.75, 0.55, 0.2, 0.2), 1, (0.52, -0.1), (0.75, -0.02), (0.52, 0.02));
        Wing(up * span, wing, up);

        void Wing(double length, Rgb colour, int direction)
        {
            double y = Math.Abs(length) * direction;
            canvas.Polygon(place, colour, 1, (0.22, 0), (0.24 + bend, 0.5 * y), (0, 0.85 * y), (-0.35, y), (-0.22, 0.6 * y), (-0.22, 0.3 * y), (-0.2, 0));
            canvas.Polygon(place, tip, 0.8, (0, 0.85 * y), (-0.35, y), (-0.27, 0.78 * y));
        }
    }

    private static void SwimmingBird(SyntheticCanvas canvas, Dice dice, Placement place)
    {
        Rgb body = Plumage(canvas, dice), head = dice.Chance(0.5) ? body : Plumage(canvas, dice), beak = dice.Near(0.85, 0.55, 0.15, 0.15);
        double neck = dice.Between(0.3, 0.75), width = dice.Between(0.1, 0.17), headY = 0.05 - neck;
        canvas.Polygon(place, body.Shade(0.75), 1, (-0.5, 0.1), (-0.95, dice.Between(-0.2, 0.05)), (-0.6, 0.35));
        canvas.Ellipse(place, body, -0.1, 0.25, 0.65, dice.Between(0.26, 0.36));
        canvas.Polygon(place, head, 1, (0.25, 0.2), (0.42 - width, headY), (0.42 + width, headY), (0.4 + width, 0.05), (0.55, 0.3));
        canvas.Ellipse(place, head, 0.46, headY, 0.19, 0.15);
        canvas.Polygon(place, beak, 1, (0.6, headY - 0.05), (0.92, headY + 0.07), (0.6, headY + 0.1));
        canvas.Ellipse(place, Dark, 0.52, headY - 0.03, 0.045, 0.045);
        canvas.Ellipse(place, body.Shade(0.65), -0.2, 0.2, 0.42, 0.16);
    }
}
