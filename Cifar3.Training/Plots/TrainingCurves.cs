using ScottPlot;
using ScottPlot.MultiplotLayouts;

namespace Cifar3.Training;

/// <summary>Draws accuracy and loss over the epochs, training and validation side by side.</summary>
public static class TrainingCurves
{
    private const int Width = 1200, Height = 480;
    private static readonly Color TrainColour = Color.FromHex("#0969da"), ValidationColour = Color.FromHex("#d1570b");

    /// <summary>Draws a training's curves as a PNG file of 1,200 × 480 pixels.</summary>
    /// <param name="path">The file.</param>
    /// <param name="history">The training's history, at least one epoch.</param>
    /// <param name="title">What was trained, for the headings: <c>accuracy, title</c>. Default: nothing.</param>
    /// <exception cref="ArgumentException">The history is empty.</exception>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void Save(string path, History history, string title = "")
    {
        if (history.Epochs.IsEmpty)
        {
            throw new ArgumentException("There is nothing to draw: the history has no epoch.", nameof(history));
        }

        var plots = new Multiplot { Layout = new Columns() };
        plots.AddPlots(2);
        double[] accuracies = [.. Values(history, "accuracy")], losses = [.. Values(history, "loss")];
        Draw(plots.GetPlot(0), history, "accuracy", title, Alignment.LowerRight, Math.Max(0, Math.Floor(20 * accuracies.Min() - 0.5) / 20), 1.01);
        Draw(plots.GetPlot(1), history, "loss", title, Alignment.UpperRight, 0, Math.Max(0.1, 1.08 * losses.Where(double.IsFinite).DefaultIfEmpty(1).Max()));
        AtomicFile.Write(path, plots.Render(Width, Height).GetImageBytes(ImageFormat.Png));
    }

    private static void Draw(Plot plot, History history, string metric, string title, Alignment legend, double bottom, double top)
    {
        double[] epochs = [.. history.Epochs.Select(e => (double)e.Epoch)];
        Line(history[metric], "training", TrainColour);
        if (history.Metrics.Contains($"val_{metric}"))
        {
            Line(history[$"val_{metric}"], "validation", ValidationColour);
        }

        plot.Title(title.Length > 0 ? $"{metric}, {title}" : metric, 20);
        plot.XLabel("epoch", 16);
        double beside = 0.04 * epochs.Length;
        plot.Axes.SetLimits(1 - beside - 0.1, epochs.Length + beside + 0.1, bottom, top);
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { IntegerTicksOnly = true, MinorTickGenerator = new ScottPlot.TickGenerators.EvenlySpacedMinorTickGenerator(1) };
        plot.Axes.Bottom.TickLabelStyle.FontSize = plot.Axes.Left.TickLabelStyle.FontSize = 14;
        plot.Grid.MajorLineColor = Colors.Black.WithOpacity(0.08);
        plot.ShowLegend(legend);
        plot.Legend.FontSize = 15;
        plot.Axes.Title.Label.Bold = plot.Axes.Bottom.Label.Bold = false;
        PlotFont.Apply(plot);

        void Line(IReadOnlyList<double> values, string name, Color colour)
        {
            var line = plot.Add.Scatter(epochs, values.ToArray(), colour);
            line.LegendText = name;
            line.LineWidth = 2.5f;
            line.MarkerSize = 7;
        }
    }

    private static IEnumerable<double> Values(History history, string metric) =>
        history.Metrics.Where(m => m == metric || m == $"val_{metric}").SelectMany(m => history[m]);
}
