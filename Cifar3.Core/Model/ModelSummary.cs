using System.Globalization;
using System.Text;

namespace Cifar3;

/// <summary>Writes Keras' <c>model.summary(line_length=65)</c> table, character by character.</summary>
/// <remarks>
/// Here is Keras 3's, the others are in the second part. Columns are 30, 23 and 14 characters with their borders; a layer whose "name (Kind)" is too long for its column breaks before the kind, and a
/// shape of 1,000 filters or more before their number, as Keras' do.
/// <see href="https://keras.io/api/models/model/#summary-method"/>
/// </remarks>
internal static partial class ModelSummary
{
    private const int NameWidth = 26, ShapeWidth = 19, CountWidth = 10; // text widths inside "│ … │"

    /// <summary>The table in a style; lines end with "\n".</summary>
    public static string Write(IReadOnlyList<CnnLayer> layers, SummaryStyle style) => style switch
    {
        SummaryStyle.Keras3 => Keras3(layers),
        SummaryStyle.Keras2 => Keras2(layers),
        SummaryStyle.Keras231 => Keras231(layers),
        _ => throw new ArgumentOutOfRangeException(nameof(style), style, $"The summary's style must be Keras3, Keras2 or Keras231. Received: {style}."),
    };

    private static string Keras3(IReadOnlyList<CnnLayer> layers)
    {
        var text = new StringBuilder();
        text.Append("Model: \"sequential\"\n");
        text.Append(Rule('┏', '━', '┳', '┓'));
        text.Append(Row('┃', "Layer (type)", "Output Shape", "Param #"));
        text.Append(Rule('┡', '━', '╇', '┩'));
        foreach (var layer in layers)
        {
            if (layer != layers[0])
            {
                text.Append(Rule('├', '─', '┼', '┤'));
            }

            string whole = $"{layer.Name} ({layer.Kind})", shape = Shape(layer);
            string[] title = whole.Length <= NameWidth ? [whole] : [layer.Name, $"({layer.Kind})"];
            string[] sizes = shape.Length <= ShapeWidth ? [shape] : [shape[..shape.LastIndexOf(' ')], shape[(shape.LastIndexOf(' ') + 1)..]];
            for (int line = 0; line < Math.Max(title.Length, sizes.Length); line++)
            {
                text.Append(Row('│', title.ElementAtOrDefault(line) ?? "", sizes.ElementAtOrDefault(line) ?? "", line == 0 ? Number(layer.ParameterCount) : ""));
            }
        }

        text.Append(Rule('└', '─', '┴', '┘'));
        foreach (var (kind, count) in Totals(layers))
        {
            text.Append(CultureInfo.InvariantCulture, $" {kind} params: {Number(count)} ({Size(4.0 * count)})\n");
        }

        return text.ToString();
    }

    private static string Shape(CnnLayer layer) => $"(None, {string.Join(", ", layer.OutputShape)})";

    private static IEnumerable<(string Kind, int Count)> Totals(IReadOnlyList<CnnLayer> layers)
    {
        var weights = layers.SelectMany(layer => layer.Weights).ToList();
        int total = weights.Sum(w => w.Count), trainable = weights.Where(w => w.Trainable).Sum(w => w.Count);
        return [("Total", total), ("Trainable", trainable), ("Non-trainable", total - trainable)];
    }

    private static string Rule(char left, char line, char cross, char right) =>
        $"{left}{new string(line, NameWidth + 2)}{cross}{new string(line, ShapeWidth + 2)}{cross}{new string(line, CountWidth + 2)}{right}\n";

    private static string Row(char bar, string name, string shape, string count) =>
        $"{bar} {name.PadRight(NameWidth)} {bar} {shape.PadRight(ShapeWidth)} {bar} {count.PadLeft(CountWidth)} {bar}\n";

    private static string Number(int count) => count.ToString("N0", CultureInfo.InvariantCulture);

    private static string Size(double bytes) => bytes switch
    {
        >= 1 << 20 => (bytes / (1 << 20)).ToString("F2", CultureInfo.InvariantCulture) + " MB",
        >= 1 << 10 => (bytes / (1 << 10)).ToString("F2", CultureInfo.InvariantCulture) + " KB",
        _ => bytes.ToString("F2", CultureInfo.InvariantCulture) + " B",
    };
}
