using System.Globalization;
using SkiaSharp;

namespace Cifar3.Training;

/// <summary>Draws a confusion matrix as a heat map with counts: rows are the true classes, columns the predicted ones.</summary>
public static class ConfusionMatrixPlot
{
    private const int Margin = 32, Top = 104, MaxCountedClasses = 20, MaxNameWidth = 600;
    private static readonly SKColor Darkest = new(0x0a, 0x41, 0x86);

    /// <summary>Draws the matrix as a PNG file. The colour is the share of the true class; up to 20 classes each cell tells its count and share.</summary>
    /// <param name="path">The file.</param>
    /// <param name="report">What was measured.</param>
    /// <param name="title">The line above the matrix.</param>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void Save(string path, ClassificationReport report, string title) => AtomicFile.Write(path, ToPng(report, title));

    /// <summary>Draws the matrix into a stream, as <see cref="Save(string, ClassificationReport, string)"/> does into a file.</summary>
    /// <param name="stream">Receives the PNG file's bytes; it stays open.</param>
    /// <param name="report">What was measured.</param>
    /// <param name="title">The line above the matrix.</param>
    public static void Save(Stream stream, ClassificationReport report, string title)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Write(ToPng(report, title));
    }

    /// <summary>Draws the matrix, as <see cref="Save(string, ClassificationReport, string)"/> does into a file.</summary>
    /// <param name="report">What was measured.</param>
    /// <param name="title">The line above the matrix.</param>
    /// <returns>The content of a PNG file.</returns>
    public static byte[] ToPng(ClassificationReport report, string title)
    {
        ArgumentNullException.ThrowIfNull(report);
        int n = report.ClassNames.Length;
        var counts = new int[n, n];
        for (int row = 0; row < n; row++)
        {
            for (int column = 0; column < n; column++)
            {
                counts[row, column] = (int)report.ConfusionMatrix.Counts[row][column];
            }
        }

        return ToPng(counts, report.ClassNames, title);
    }

    /// <summary>Draws counts [true class, predicted class].</summary>
    internal static byte[] ToPng(int[,] counts, IReadOnlyList<string> classNames, string title)
    {
        int n = classNames.Count;
        int cell = n switch { <= 4 => 150, <= 10 => 90, <= MaxCountedClasses => 64, _ => 18 };
        float size = Math.Min(18, cell * 0.8f), names = Margin + Math.Min(classNames.Max(name => TextWidth(name, size)), MaxNameWidth); // longer ones are written smaller
        float left = 40 + names, width = left + n * cell + Margin;
        bool upright = cell > 2 * size && classNames.All(name => TextWidth(name, size) <= cell - 8);
        float below = upright ? 40 : names;
        using var picture = new Picture((int)Math.Ceiling(Math.Max(width, 480)), (int)Math.Ceiling(Top + n * cell + below + 40));
        float middle = left + n * cell / 2f, room = 2 * Math.Min(middle, picture.Width - middle) - Margin;
        picture.Text(title, middle, 46, 24, Picture.Ink, SKTextAlign.Center, room);
        for (int row = 0; row < n; row++)
        {
            long total = Enumerable.Range(0, n).Sum(column => (long)counts[row, column]);
            picture.Text(classNames[row], left - 12, Top + (row + 0.5f) * cell + size * 0.36f, size, Picture.Ink, SKTextAlign.Right, MaxNameWidth);
            for (int column = 0; column < n; column++)
            {
                double share = total > 0 ? (double)counts[row, column] / total : 0;
                Cell(picture, SKRect.Create(left + column * cell, Top + row * cell, cell, cell), counts[row, column], share, row == column, n <= MaxCountedClasses);
            }
        }

        picture.Frame(SKRect.Create(left, Top, n * cell, n * cell), Picture.Grey, 1);
        ColumnNames(picture, classNames, left, Top + n * cell, cell, size, upright);
        picture.Text("predicted class", middle, Top + n * cell + below + 18, 16, Picture.Grey, SKTextAlign.Center);
        picture.Text("colour: share of the true class", middle, 78, 14, Picture.Grey, SKTextAlign.Center);
        Turned(picture, "true class", 28, Top + n * cell / 2f, 16, Picture.Grey, SKTextAlign.Center);
        return picture.ToPng();
    }

    private static void Cell(Picture picture, SKRect place, int count, double share, bool diagonal, bool counted)
    {
        picture.Fill(place, Blend(share));
        float size = Math.Min(26, place.Width / 3.6f);
        if (!counted || count == 0)
        {
            picture.Text(counted ? "0" : "", place.MidX, place.MidY + size * 0.36f, size * 0.8f, Picture.Grey, SKTextAlign.Center);
            return;
        }

        var ink = share > 0.5 ? SKColors.White : diagonal ? Picture.Ink : Picture.Wrong;
        picture.Text(count.ToString("N0", CultureInfo.InvariantCulture), place.MidX, place.MidY + size * 0.1f, size, ink, SKTextAlign.Center, place.Width - 6);
        picture.Text(string.Create(CultureInfo.InvariantCulture, $"{100 * share:F1} %"), place.MidX, place.MidY + size * 0.95f, size * 0.6f, ink, SKTextAlign.Center, place.Width - 6);
    }

    private static void ColumnNames(Picture picture, IReadOnlyList<string> names, float left, float top, int cell, float size, bool upright)
    {
        for (int i = 0; i < names.Count; i++)
        {
            float middle = left + (i + 0.5f) * cell;
            if (upright)
            {
                picture.Text(names[i], middle, top + 28, size, Picture.Ink, SKTextAlign.Center);
            }
            else
            {
                Turned(picture, names[i], middle + size * 0.36f, top + 12, size, Picture.Ink, SKTextAlign.Right);
            }
        }
    }

    /// <summary>Text that reads upwards.</summary>
    private static void Turned(Picture picture, string text, float x, float y, float size, SKColor colour, SKTextAlign align)
    {
        picture.Canvas.Save();
        picture.Canvas.Translate(x, y);
        picture.Canvas.RotateDegrees(-90);
        picture.Text(text, 0, 0, size, colour, align, MaxNameWidth);
        picture.Canvas.Restore();
    }

    private static float TextWidth(string text, float size)
    {
        using var font = PlotFont.For(text, size);
        return PlotFont.Width(font, text);
    }

    /// <summary>White at 0 to dark blue at 1.</summary>
    private static SKColor Blend(double share)
    {
        return new SKColor(Mix(Darkest.Red), Mix(Darkest.Green), Mix(Darkest.Blue));

        byte Mix(byte dark) => (byte)Math.Round(255 + (dark - 255) * share);
    }
}
