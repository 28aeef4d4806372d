using SkiaSharp;

namespace Cifar3.Training;

/// <summary>
/// The font of every picture: DejaVu Sans, embedded, because a server may have no fonts at all and then text would silently be missing.
/// Characters that it lacks come from a font of the machine where there is one.
/// </summary>
internal static class PlotFont
{
    private static readonly Lazy<SKTypeface> Embedded = new(() => SkiaLibrary.ToDraw(Load)); // a matrix measures its names before it has a picture

    private static readonly Lazy<SKTypeface[]> Machine = new(() => [.. SKFontManager.Default.FontFamilies.Select(family => SKFontManager.Default.MatchFamily(family)).OfType<SKTypeface>()]);

    public static SKTypeface Typeface => Embedded.Value;

    /// <summary>A font that has all characters of the text, or else the one that lacks the fewest.</summary>
    public static SKFont For(string text, float size)
    {
        var (typeface, fewest) = (Typeface, Lacking(Typeface, text));
        foreach (var other in fewest == 0 ? [] : Others(text))
        {
            int lacking = Lacking(other, text);
            if (lacking < fewest)
            {
                (typeface, fewest) = (other, lacking);
            }

            if (fewest == 0)
            {
                break;
            }
        }

        return new SKFont(typeface, size) { Edging = SKFontEdging.Antialias, Hinting = SKFontHinting.None, Subpixel = true };
    }

    /// <summary>The width of a line of text. (SkiaSharp 2.88 measures glyphs only.)</summary>
    public static float Width(SKFont font, string text) => font.MeasureText(font.Typeface.GetGlyphs(text));

    private static int Lacking(SKTypeface typeface, string text) => text.EnumerateRunes().Count(rune => typeface.GetGlyph(rune.Value) == 0);

    /// <summary>What the system chooses for the characters, then all that it has: SkiaSharp's build for Linux chooses none.</summary>
    private static IEnumerable<SKTypeface> Others(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (Typeface.GetGlyph(rune.Value) == 0 && SKFontManager.Default.MatchCharacter(rune.Value) is { } matched)
            {
                yield return matched;
            }
        }

        foreach (var typeface in Machine.Value)
        {
            yield return typeface;
        }
    }

    private static SKTypeface Load()
    {
        using var stream = typeof(PlotFont).Assembly.GetManifestResourceStream("DejaVuSans.ttf")!;
        using var data = SKData.Create(stream);
        return SKTypeface.FromData(data);
    }
}
