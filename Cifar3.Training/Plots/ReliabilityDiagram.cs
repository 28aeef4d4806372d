using System.Globalization;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;
using SkiaSharp;

namespace Cifar3.Training;

/// <summary>
/// Draws how often a model is right against how sure it is: bars on the diagonal mean that its probabilities can be taken at their word, below it that
/// it is surer than it should be (Guo et al. 2017, <see href="https://arxiv.org/abs/1706.04599"/>, figure 4). Below, how many images each interval has.
/// </summary>
public static class ReliabilityDiagram
{
    private const int Width = 600, Height = 720, CountsTop = 540;
    private static readonly OxyColor Ink = OxyColor.FromRgb(0x1f, 0x23, 0x28), Bar = OxyColor.FromRgb(0x09, 0x69, 0xda), Diagonal = OxyColor.FromRgb(0xd1, 0x57, 0x0b), Count = OxyColor.FromRgb(0x8c, 0x95, 0x9f);

    /// <summary>Draws the diagram as a PNG file of 600 × 720 pixels.</summary>
    /// <param name="path">The file.</param>
    /// <param name="report">What was measured.</param>
    /// <param name="title">The line above the diagram. Default: nothing.</param>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void Save(string path, ClassificationReport report, string title = "") => AtomicFile.Write(path, ToPng(report, title));

    /// <summary>Draws the diagram, as <see cref="Save"/> does into a file.</summary>
    /// <param name="report">What was measured.</param>
    /// <param name="title">The line above the diagram. Default: nothing.</param>
    /// <returns>The content of a PNG file.</returns>
    public static byte[] ToPng(ClassificationReport report, string title = "")
    {
        ArgumentNullException.ThrowIfNull(report);
        var calibration = report.Calibration;
        using var picture = new Picture(Width, Height);
        picture.Text(title, Width / 2f, 30, 20, Picture.Ink, SKTextAlign.Center, Width - 40);
        picture.Text(calibration.ToString(), Width / 2f, 54, 15, Picture.Grey, SKTextAlign.Center, Width - 40);

        var accuracy = Plot("share recognised", 1);
        accuracy.Series.Add(Bars(calibration, Bar, bin => bin.Accuracy));
        var diagonal = new LineSeries { Color = Diagonal, StrokeThickness = 2, LineStyle = LineStyle.Dash };
        diagonal.Points.AddRange([new DataPoint(0, 0), new DataPoint(1, 1)]);
        accuracy.Series.Add(diagonal);
        Render(accuracy, picture, new OxyRect(0, 66, Width, CountsTop - 66));

        var counts = Plot("images", 1.05 * calibration.Bins.Max(bin => bin.Count));
        counts.Axes[0].Title = "confidence";
        counts.Series.Add(Bars(calibration, Count, bin => bin.Count));
        Render(counts, picture, new OxyRect(0, CountsTop, Width, Height - CountsTop));
        return picture.ToPng();
    }

    private static PlotModel Plot(string what, double highest)
    {
        var plot = new PlotModel { DefaultFontSize = 14, TextColor = Ink, PlotAreaBorderColor = Ink, PlotMargins = new OxyThickness(70, 8, 24, 48), Padding = new OxyThickness(0), Culture = CultureInfo.InvariantCulture };
        plot.Axes.Add(new LinearAxis { Position = AxisPosition.Bottom, Minimum = 0, Maximum = 1, MajorStep = 0.2, TicklineColor = Ink });
        plot.Axes.Add(new LinearAxis { Position = AxisPosition.Left, Minimum = 0, Maximum = highest, Title = what, TicklineColor = Ink, IntervalLength = 40 });
        return plot;
    }

    private static RectangleBarSeries Bars(Calibration calibration, OxyColor colour, Func<ReliabilityBin, double> value)
    {
        var bars = new RectangleBarSeries { FillColor = colour, StrokeColor = OxyColors.White, StrokeThickness = 1 };
        foreach (var bin in calibration.Bins.Where(bin => bin.Count > 0))
        {
            bars.Items.Add(new RectangleBarItem(bin.Lower, 0, bin.Upper, value(bin)));
        }

        return bars;
    }

    private static void Render(PlotModel plot, Picture picture, OxyRect place)
    {
        ((IPlotModel)plot).Update(true);
        ((IPlotModel)plot).Render(new PlotCanvas(picture), place);
        if (plot.GetLastPlotException() is { } failure) // which it would draw instead
        {
            throw new InvalidOperationException($"Cannot draw the reliability diagram: {failure.Message}", failure);
        }
    }
}
