using SkiaSharp;

namespace Cifar3.Training;

/// <summary>
/// The font of every picture: DejaVu Sans, embedded, because a server may have no fonts at all and then text would silently be missing.
/// Characters that it lacks come from a font of the machine where there is one.
/// </summary>
internal static class PlotFont
{
    private static readonly Lazy<SKTypeface> Embedded = new(() => SkiaLibrary.ToDraw(Load)); // a matrix measures its names before it has a picture

    public static SKTypeface Typeface => Embedded.Value;

    /// <summary>A font that has all characters of the text, where any does.</summary>
    public static SKFont For(string text, float size)
    {
        var typeface = Typeface;
        foreach (var rune in text.EnumerateRunes())
        {
            if (typeface.GetGlyph(rune.Value) == 0)
            {
                typeface = SKFontManager.Default.MatchCharacter(rune.Value) ?? Typeface;
                break;
            }
        }

        return new SKFont(typeface, size) { Edging = SKFontEdging.Antialias, Hinting = SKFontHinting.None, Subpixel = true };
    }

    /// <summary>The width of a line of text. (SkiaSharp 2.88 measures glyphs only.)</summary>
    public static float Width(SKFont font, string text) => font.MeasureText(font.Typeface.GetGlyphs(text));

    private static SKTypeface Load()
    {
        using var stream = typeof(PlotFont).Assembly.GetManifestResourceStream("DejaVuSans.ttf")!;
        using var data = SKData.Create(stream);
        return SKTypeface.FromData(data);
    }
}
