using System.Globalization;
using System.Text;

namespace Cifar3;

/// <summary>The tables of Keras 2: 65 characters wide, columns that end at 29, 55 and 65.</summary>
internal static partial class ModelSummary
{
    private const int LineLength = 65;
    private static readonly int[] Ends = [29, 55, 65];

    /// <summary>Keras 2.16: a text that is too long goes on in the next line; a line of blanks after each layer.</summary>
    private static string Keras2(IReadOnlyList<CnnLayer> layers)
    {
        var text = new StringBuilder("Model: \"sequential\"\n");
        text.Append(Line('_'));
        AppendBroken(text, ["Layer (type)", "Output Shape", "Param #"]);
        text.Append(Line('='));
        foreach (var layer in layers)
        {
            AppendBroken(text, [$"{layer.Name} ({layer.Kind})", Shape(layer), Plain(layer.ParameterCount)]);
            text.Append(Line(' '));
        }

        text.Append(Line('='));
        foreach (var (kind, count) in Totals(layers))
        {
            text.Append(CultureInfo.InvariantCulture, $"{kind} params: {Plain(count)} ({Size(4.0 * count)})\n");
        }

        return text.Append(Line('_')).ToString();
    }

    /// <summary>Keras 2.3.1: a text that is too long is cut, and layers are numbered from 1.</summary>
    private static string Keras231(IReadOnlyList<CnnLayer> layers)
    {
        var text = new StringBuilder("Model: \"sequential_1\"\n");
        text.Append(Line('_')).Append(Cut(["Layer (type)", "Output Shape", "Param #"]));
        foreach (var layer in layers)
        {
            text.Append(Line(layer == layers[0] ? '=' : '_')).Append(Cut([$"{FromOne(layer.Name)} ({layer.Kind})", Shape(layer), Plain(layer.ParameterCount)]));
        }

        text.Append(Line('='));
        foreach (var (kind, count) in Totals(layers))
        {
            text.Append(CultureInfo.InvariantCulture, $"{kind} params: {Number(count)}\n");
        }

        return text.Append(Line('_')).ToString();
    }

    /// <summary>One row over as many lines as its longest text needs; the columns but the last keep 3 characters free, 1 of them in front.</summary>
    private static void AppendBroken(StringBuilder text, string[] left)
    {
        while (left.Any(field => field.Length > 0))
        {
            var line = new StringBuilder(" ");
            for (int column = 0; column < left.Length; column++)
            {
                int room = Ends[column] - (column == 0 ? 0 : Ends[column - 1]) - (column == left.Length - 1 ? 0 : 3);
                int fit = Math.Min(room, left[column].Length);
                line.Append(left[column], 0, fit);
                left[column] = left[column][fit..];
                line.Append(' ', Math.Max(0, Ends[column] - line.Length));
            }

            text.Append(line).Append('\n');
        }
    }

    private static string Cut(string[] fields)
    {
        string line = "";
        for (int column = 0; column < fields.Length; column++)
        {
            line = (column == 0 ? "" : line[..^1] + " ") + fields[column];
            line = line.Length > Ends[column] ? line[..Ends[column]] : line.PadRight(Ends[column]);
        }

        return line + "\n";
    }

    /// <summary><c>conv2d</c> is <c>conv2d_1</c>, <c>conv2d_1</c> is <c>conv2d_2</c>: the old numbering.</summary>
    private static string FromOne(string name)
    {
        int underscore = name.LastIndexOf('_');
        return underscore >= 0 && int.TryParse(name.AsSpan(underscore + 1), CultureInfo.InvariantCulture, out int number) ? $"{name[..underscore]}_{number + 1}" : $"{name}_1";
    }

    private static string Line(char c) => new string(c, LineLength) + "\n";

    private static string Plain(int count) => count.ToString(CultureInfo.InvariantCulture);
}
