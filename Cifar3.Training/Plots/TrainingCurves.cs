using System.Globalization;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;
using SkiaSharp;

namespace Cifar3.Training;

/// <summary>Draws accuracy and loss over the epochs, training and validation side by side.</summary>
public static class TrainingCurves
{
    private const int Width = 1200, Height = 480;
    private static readonly OxyColor Ink = OxyColor.FromRgb(0x1f, 0x23, 0x28), TrainColour = OxyColor.FromRgb(0x09, 0x69, 0xda), ValidationColour = OxyColor.FromRgb(0xd1, 0x57, 0x0b), ChosenColour = OxyColor.FromRgb(0x1a, 0x7f, 0x37);

    /// <summary>Draws a training's curves as a PNG file of 1,200 × 480 pixels.</summary>
    /// <param name="path">The file.</param>
    /// <param name="history">The training's history, at least one epoch.</param>
    /// <param name="title">What was trained, for the headings: <c>accuracy, title</c>. Default: nothing.</param>
    /// <param name="chosenEpoch">The epoch whose model was kept, marked by a line; null = none is marked. Default: null.</param>
    /// <exception cref="ArgumentException">The history is empty.</exception>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void Save(string path, History history, string title = "", int? chosenEpoch = null) => AtomicFile.Write(path, ToPng(history, title, chosenEpoch));

    /// <summary>Draws a training's curves with the best model's epoch marked.</summary>
    /// <param name="path">The file.</param>
    /// <param name="result">What the training ended with.</param>
    /// <param name="title">What was trained, for the headings. Default: nothing.</param>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void Save(string path, TrainingResult result, string title = "") => AtomicFile.Write(path, ToPng(result, title));

    /// <summary>Draws the curves that a saved model's metadata tell.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">A trained model.</param>
    /// <param name="title">What was trained, for the headings. Default: nothing.</param>
    /// <exception cref="ArgumentException">The model was not trained here: it tells of no epoch.</exception>
    /// <exception cref="Cifar3Exception">The file cannot be written.</exception>
    public static void Save(string path, CnnModel model, string title = "") => AtomicFile.Write(path, ToPng(model, title));

    /// <summary>Draws a training's curves into a stream, as <see cref="Save(string, History, string, int?)"/> does into a file.</summary>
    /// <param name="stream">Receives the PNG file's bytes; it stays open.</param>
    /// <param name="history">The training's history, at least one epoch.</param>
    /// <param name="title">What was trained, for the headings. Default: nothing.</param>
    /// <param name="chosenEpoch">The epoch whose model was kept, marked by a line; null = none is marked. Default: null.</param>
    /// <exception cref="ArgumentException">The history is empty.</exception>
    public static void Save(Stream stream, History history, string title = "", int? chosenEpoch = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Write(ToPng(history, title, chosenEpoch));
    }

    /// <summary>Draws a training's curves with the best model's epoch marked.</summary>
    /// <param name="result">What the training ended with.</param>
    /// <param name="title">What was trained, for the headings. Default: nothing.</param>
    /// <returns>The content of a PNG file.</returns>
    public static byte[] ToPng(TrainingResult result, string title = "")
    {
        ArgumentNullException.ThrowIfNull(result);
        return ToPng(result.History, title, result.BestModel.Metadata.Epoch);
    }

    /// <summary>Draws the curves that a saved model's metadata tell: those of the epochs up to its own.</summary>
    /// <param name="model">A trained model.</param>
    /// <param name="title">What was trained, for the headings. Default: nothing.</param>
    /// <returns>The content of a PNG file.</returns>
    /// <exception cref="ArgumentException">The model was not trained here: it tells of no epoch.</exception>
    public static byte[] ToPng(CnnModel model, string title = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        return ToPng(new History(model.Metadata.History), title);
    }

    /// <summary>Draws a training's curves, as <see cref="Save(string, History, string, int?)"/> does into a file.</summary>
    /// <param name="history">The training's history, at least one epoch.</param>
    /// <param name="title">What was trained, for the headings. Default: nothing.</param>
    /// <param name="chosenEpoch">The epoch whose model was kept, marked by a line; null = none is marked. Default: null.</param>
    /// <returns>The content of a PNG file.</returns>
    /// <exception cref="ArgumentException">The history is empty.</exception>
    public static byte[] ToPng(History history, string title = "", int? chosenEpoch = null)
    {
        ArgumentNullException.ThrowIfNull(title);
        ArgumentNullException.ThrowIfNull(history);
        if (history.Epochs.IsEmpty)
        {
            throw new ArgumentException("There is nothing to draw: the history has no epoch.", nameof(history));
        }

        double[] accuracies = [.. Values(history, "accuracy")], losses = [.. Values(history, "loss").Where(double.IsFinite).DefaultIfEmpty(1)];
        double lowest = Math.Max(0, Math.Floor(20 * accuracies.Min() - 0.5) / 20), highest = Math.Max(0.1, 1.08 * losses.Max());
        using var picture = new Picture(Width, Height);
        Draw(picture, 0, history, "accuracy", title, lowest, 1.01, chosenEpoch);
        Draw(picture, Width / 2, history, "loss", title, 0, highest, chosenEpoch);
        return picture.ToPng();
    }

    /// <summary>Draws one metric, of training and of validation where there is one, into the half of the picture that begins at <paramref name="left"/>.</summary>
    private static void Draw(Picture picture, int left, History history, string metric, string title, double bottom, double top, int? chosenEpoch)
    {
        picture.Text(title.Length > 0 ? $"{metric}, {title}" : metric, left + Width / 4f + 24, 26, 20, Picture.Ink, SKTextAlign.Center, Width / 2f - 60);
        var plot = new PlotModel { DefaultFontSize = 14, TextColor = Ink, PlotAreaBorderColor = Ink, PlotMargins = new OxyThickness(60, 0, 12, 52), Padding = new OxyThickness(0), Culture = CultureInfo.InvariantCulture };
        double beside = 0.04 * history.Epochs.Length + 0.1;
        plot.Axes.Add(Axis(AxisPosition.Bottom, 1 - beside, history.Epochs.Length + beside));
        plot.Axes.Add(Axis(AxisPosition.Left, bottom, top));
        plot.Axes[0].Title = "epoch";
        plot.Axes[0].AxisTitleDistance = 8;
        plot.Axes[0].MinimumMajorStep = plot.Axes[0].MinimumMinorStep = 1; // there is nothing between two epochs
        // Beside the plot: within it a legend would cover curves, wherever it stood.
        plot.Legends.Add(new Legend { LegendPlacement = LegendPlacement.Outside, LegendPosition = LegendPosition.TopCenter, LegendOrientation = LegendOrientation.Horizontal, LegendFontSize = 15, LegendMargin = 4, LegendSymbolLength = 24 });
        if (chosenEpoch is >= 1 && chosenEpoch <= history.Epochs.Length)
        {
            var chosen = new LineSeries { Title = $"chosen: epoch {chosenEpoch}", Color = ChosenColour, StrokeThickness = 2, LineStyle = LineStyle.Dash };
            chosen.Points.AddRange([new DataPoint(chosenEpoch.Value, bottom), new DataPoint(chosenEpoch.Value, top)]);
            plot.Series.Add(chosen);
        }

        Line(metric, "training", TrainColour);
        if (history.Metrics.Contains($"val_{metric}"))
        {
            Line($"val_{metric}", "validation", ValidationColour);
        }

        ((IPlotModel)plot).Update(true);
        ((IPlotModel)plot).Render(new PlotCanvas(picture), new OxyRect(left, 48, Width / 2, Height - 48));
        if (plot.GetLastPlotException() is { } failure) // which it would draw instead
        {
            throw new InvalidOperationException($"Cannot draw the {metric}: {failure.Message}", failure);
        }

        void Line(string name, string words, OxyColor colour)
        {
            var line = new LineSeries { Title = words, Color = colour, StrokeThickness = 2.5, MarkerType = MarkerType.Circle, MarkerFill = colour, MarkerSize = 3.5 };
            line.Points.AddRange(history.Epochs.Zip(history[name], (epoch, value) => new DataPoint(epoch.Epoch, value)));
            plot.Series.Add(line);
        }
    }

    private static LinearAxis Axis(AxisPosition position, double minimum, double maximum) => new()
    {
        Position = position,
        Minimum = minimum,
        Maximum = maximum,
        TicklineColor = Ink,
        MajorGridlineStyle = LineStyle.Solid,
        MajorGridlineColor = OxyColor.FromAColor(0x14, OxyColors.Black),
        TitleFontSize = 16,
        IntervalLength = 40,
    };

    private static IEnumerable<double> Values(History history, string metric) =>
        history.Metrics.Where(m => m == metric || m == $"val_{metric}").SelectMany(m => history[m]);
}
