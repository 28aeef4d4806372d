using OxyPlot;
using SkiaSharp;

namespace Cifar3.Training;

/// <summary>
/// Lets OxyPlot draw on a <see cref="Picture"/>, in the pictures' own font. OxyPlot's own Skia package would do but for the font, and
/// would bring HarfBuzz along.
/// </summary>
internal sealed class PlotCanvas(Picture picture) : RenderContextBase
{
    private readonly SKCanvas canvas = picture.Canvas;

    public override int ClipCount => canvas.SaveCount - 1;

    public override void PushClip(OxyRect clippingRectangle)
    {
        canvas.Save();
        canvas.ClipRect(Rectangle(clippingRectangle));
    }

    public override void PopClip() => canvas.Restore();

    public override void DrawLine(IList<ScreenPoint> points, OxyColor stroke, double thickness, EdgeRenderingMode edgeRenderingMode, double[]? dashArray, LineJoin lineJoin) =>
        Draw(points, closed: false, OxyColors.Undefined, stroke, thickness, dashArray);

    public override void DrawPolygon(IList<ScreenPoint> points, OxyColor fill, OxyColor stroke, double thickness, EdgeRenderingMode edgeRenderingMode, double[]? dashArray, LineJoin lineJoin) =>
        Draw(points, closed: true, fill, stroke, thickness, dashArray: null);

    /// <summary>Draws text of one line around a point of the box that it fills.</summary>
    public override void DrawText(ScreenPoint p, string text, OxyColor fill, string? fontFamily, double fontSize, double fontWeight, double rotate, HorizontalAlignment halign, VerticalAlignment valign, OxySize? maxSize)
    {
        using var font = PlotFont.For(text, (float)fontSize);
        var metrics = font.Metrics;
        float baseline = valign switch
        {
            VerticalAlignment.Top => -metrics.Ascent,
            VerticalAlignment.Bottom => -metrics.Descent,
            _ => -(metrics.Ascent + metrics.Descent) / 2,
        };
        var align = halign switch { HorizontalAlignment.Left => SKTextAlign.Left, HorizontalAlignment.Center => SKTextAlign.Center, _ => SKTextAlign.Right };
        canvas.Save();
        canvas.Translate((float)p.X, (float)p.Y);
        canvas.RotateDegrees((float)rotate);
        picture.Text(text, 0, baseline, (float)fontSize, Colour(fill), align);
        canvas.Restore();
    }

    public override OxySize MeasureText(string? text, string? fontFamily, double fontSize, double fontWeight)
    {
        if (string.IsNullOrEmpty(text))
        {
            return OxySize.Empty;
        }

        using var font = PlotFont.For(text, (float)fontSize);
        return new OxySize(PlotFont.Width(font, text), font.Metrics.Descent - font.Metrics.Ascent);
    }

    private void Draw(IList<ScreenPoint> points, bool closed, OxyColor fill, OxyColor stroke, double thickness, double[]? dashArray)
    {
        if (points.Count < 2)
        {
            return;
        }

        // Horizontal and vertical lines of one pixel lie on pixels, not across two.
        bool sharp = IsStraightLine(points) || closed && points.Count == 4;
        float offset = thickness is > 0.5 and < 1.5 ? 0.5f : 0;
        using var path = new SKPath();
        path.AddPoly([.. points.Select(p => sharp ? new SKPoint(MathF.Floor((float)p.X) + offset, MathF.Floor((float)p.Y) + offset) : new SKPoint((float)p.X, (float)p.Y))], closed);
        using var paint = new SKPaint { IsAntialias = true, StrokeWidth = (float)thickness, StrokeJoin = SKStrokeJoin.Round };
        if (fill.IsVisible())
        {
            paint.Color = Colour(fill);
            canvas.DrawPath(path, paint);
        }

        if (stroke.IsVisible() && thickness > 0)
        {
            using var dashes = dashArray is { Length: > 0 } ? SKPathEffect.CreateDash([.. dashArray.Select(length => (float)(length * thickness))], 0) : null;
            paint.PathEffect = dashes;
            paint.IsStroke = true;
            paint.Color = Colour(stroke);
            canvas.DrawPath(path, paint);
        }
    }

    private static SKColor Colour(OxyColor colour) => new(colour.R, colour.G, colour.B, colour.A);

    private static SKRect Rectangle(OxyRect rectangle) => new((float)rectangle.Left, (float)rectangle.Top, (float)rectangle.Right, (float)rectangle.Bottom);
}
