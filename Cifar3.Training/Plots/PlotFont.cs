using ScottPlot;
using SkiaSharp;

namespace Cifar3.Training;

/// <summary>
/// The font of every picture: DejaVu Sans, embedded, because a server may have no fonts at all and then text would silently be missing.
/// Characters that it lacks come from a font of the machine where there is one.
/// </summary>
internal static class PlotFont
{
    public const string Name = "Cifar3 DejaVu Sans"; // not the plain name, which would find another version among the machine's fonts

    private static readonly Lazy<SKTypeface> Embedded = new(Load);

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

    /// <summary>Gives all text of a ScottPlot plot this font.</summary>
    public static void Apply(Plot plot)
    {
        _ = Embedded.Value;
        plot.Font.Set(Name);
        plot.Legend.FontName = Name;
        plot.Legend.SetBestFontOnEachRender = false;
    }

    private static SKTypeface Load()
    {
        using var stream = typeof(PlotFont).Assembly.GetManifestResourceStream("DejaVuSans.ttf")!;
        using var data = SKData.Create(stream);
        var typeface = SKTypeface.FromData(data);
        ScottPlot.Fonts.FontResolvers.Insert(0, new Resolver(typeface));
        return typeface;
    }

    private sealed class Resolver(SKTypeface typeface) : IFontResolver
    {
        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => fontName == Name ? typeface : null;

        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == Name ? typeface : null;
    }
}
