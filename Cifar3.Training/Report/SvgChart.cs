using System.Globalization;

namespace Cifar3.Training;

/// <summary>Small line and bar charts as inline SVG, in the page's own colours so that they follow its light and dark theme.</summary>
internal static class SvgChart
{
    private const int Width = 460, Height = 260, Left = 50, Right = 22, Top = 12, Bottom = 40;

    /// <summary>Lines over the epochs, each with its class in the style sheet; the chosen epoch is marked. The legend stands below, outside.</summary>
    /// <param name="name">What is drawn, for readers who do not see it.</param>
    /// <param name="lines">Style class, legend, values of epochs 1 to n; a value that is no number is a gap.</param>
    /// <param name="bottom">The lowest value of the axis.</param>
    /// <param name="top">The highest one, above <paramref name="bottom"/>.</param>
    /// <param name="chosen">The epoch to mark; 0 = none.</param>
    public static Html Curves(string name, IReadOnlyList<(string Style, string Legend, IReadOnlyList<double> Values)> lines, double bottom, double top, int chosen)
    {
        int epochs = lines.Max(line => line.Values.Count), step = Math.Max(1, (epochs + 9) / 10);
        double X(double epoch) => epochs == 1 ? (Left + Width - Right) / 2.0 : Left + (epoch - 1) / (epochs - 1) * (Width - Left - Right);
        double Y(double value) => Height - Bottom - (value - bottom) / (top - bottom) * (Height - Top - Bottom);

        var mark = chosen >= 1 && chosen <= epochs
            ? Html.Of($"""<line class="chosen" x1="{X(chosen):F1}" x2="{X(chosen):F1}" y1="{Top}" y2="{Height - Bottom}"/>""")
            : Html.Empty;
        var ticks = Enumerable.Range(1, epochs).Where(epoch => epoch == 1 || epoch % step == 0)
            .Select(epoch => Html.Of($"""<text class="tick" x="{X(epoch):F1}" y="{Height - Bottom + 16}" text-anchor="middle">{epoch}</text>"""));
        var legend = lines.Select(line => Html.Of($"""<span class="key"><i class="{line.Style}"></i>{line.Legend}</span>"""))
            .Concat(chosen >= 1 && chosen <= epochs ? [Html.Of($"""<span class="key"><i class="chosen"></i>chosen epoch {chosen}</span>""")] : []);
        return Html.Of($"""
            <figure><figcaption>{name}</figcaption>
            <svg viewBox="0 0 {Width} {Height}" role="img" aria-label="{name} over {epochs} epochs">{Grid(bottom, top, Y)}{ticks}
            <text class="tick" x="{(Left + Width - Right) / 2}" y="{Height - 6}" text-anchor="middle">epoch</text>{mark}{lines.SelectMany(line => Line(line.Style, line.Values, X, Y))}</svg>
            <p class="legend">{legend}</p></figure>
            """);
    }

    /// <summary>How often the model is right where it is so sure: bars of the accuracy over the confidence, with the diagonal of a model that knows itself.</summary>
    public static Html Reliability(IReadOnlyList<ReliabilityBin> bins)
    {
        double side = Width - Left - Right, high = Height - Top - Bottom;
        var bars = bins.Where(bin => bin.Count > 0).Select(bin => Html.Of($"""
            <rect class="bar" x="{Left + side * bin.Lower + 1:F1}" y="{Height - Bottom - high * bin.Accuracy:F1}" width="{side * (bin.Upper - bin.Lower) - 2:F1}" height="{high * bin.Accuracy:F1}"><title>{bin.Count:N0} images, confidence {bin.Confidence:P1}, right {bin.Accuracy:P1}</title></rect>
            """));
        var ticks = Enumerable.Range(0, 6).Select(i => Html.Of($"""<text class="tick" x="{Left + side * i / 5:F1}" y="{Height - Bottom + 16}" text-anchor="middle">{20 * i} %</text>"""));
        return Html.Of($"""
            <figure><figcaption>how often it is right, by how sure it is</figcaption>
            <svg viewBox="0 0 {Width} {Height}" role="img" aria-label="reliability diagram">{Grid(0, 1, value => Height - Bottom - value * high)}{ticks}{bars}
            <line class="diagonal" x1="{Left}" y1="{Height - Bottom}" x2="{Width - Right}" y2="{Top}"/>
            <text class="tick" x="{(Left + Width - Right) / 2}" y="{Height - 6}" text-anchor="middle">confidence</text></svg></figure>
            """);
    }

    private static Html Grid(double bottom, double top, Func<double, double> y)
    {
        const int Lines = 5;
        string format = (top - bottom) switch { < 0.2 => "0.000", < 1000 => "0.00", < 99_999 => "0", _ => "0.#e0" }; // beside the axis is room for six characters
        return Html.Join(Enumerable.Range(0, Lines + 1).Select(i =>
        {
            double value = bottom + (top - bottom) * i / Lines;
            return Html.Of($"""<line class="grid" x1="{Left}" x2="{Width - Right}" y1="{y(value):F1}" y2="{y(value):F1}"/><text class="tick" x="{Left - 6}" y="{y(value) + 4:F1}" text-anchor="end">{value.ToString(format, CultureInfo.InvariantCulture)}</text>""");
        }));
    }

    /// <summary>One polyline for each stretch of finite values, and their points.</summary>
    private static IEnumerable<Html> Line(string style, IReadOnlyList<double> values, Func<double, double> x, Func<double, double> y)
    {
        for (int first = 0; first < values.Count; first++)
        {
            int last = first;
            while (last < values.Count && double.IsFinite(values[last]))
            {
                last++;
            }

            if (last > first)
            {
                string points = string.Join(' ', Enumerable.Range(first, last - first).Select(i => string.Create(CultureInfo.InvariantCulture, $"{x(i + 1):F1},{y(values[i]):F1}")));
                yield return Html.Of($"""<polyline class="{style}" points="{points}"/>""");
                if (values.Count <= 60)
                {
                    yield return Html.Join(Enumerable.Range(first, last - first).Select(i => Html.Of($"""<circle class="{style}" cx="{x(i + 1):F1}" cy="{y(values[i]):F1}" r="2.5"><title>epoch {i + 1}: {values[i]:F4}</title></circle>""")));
                }
            }

            first = last;
        }
    }
}
