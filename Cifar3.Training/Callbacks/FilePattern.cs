using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Cifar3.Training;

/// <summary>A file name with Python's format placeholders, as Keras' callbacks take them: <c>model_{epoch:02d}_{val_accuracy:.3f}.onnx</c>.</summary>
internal sealed partial class FilePattern
{
    private readonly string owner, pattern;
    private readonly List<(string Literal, string? Name, string Format)> parts = [];

    /// <exception cref="ArgumentException">A placeholder is unknown or not closed.</exception>
    public FilePattern(string owner, string pattern)
    {
        this.owner = owner;
        this.pattern = pattern;
        int position = 0;
        var literal = new StringBuilder();
        while (position < pattern.Length)
        {
            char c = pattern[position];
            if (c is '{' or '}' && position + 1 < pattern.Length && pattern[position + 1] == c)
            {
                literal.Append(c); // "{{" is a brace, as in Python
                position += 2;
            }
            else if (c is '{' or '}')
            {
                var match = Placeholder().Match(pattern, position);
                string name = match.Groups["name"].Value, format = match.Groups["format"].Value;
                if (!match.Success || !Known.Contains(name) || !IsFormat(name, format))
                {
                    int end = pattern.IndexOf('}', position);
                    throw new ArgumentException($"{owner} cannot read '{Shown.Text(end > position ? pattern[position..(end + 1)] : pattern[position..])}' in the file name '{Shown.Path(pattern)}'{(match.Success && !Known.Contains(name) ? EpochMetrics.Suggestion(name) : "")}. Expected {{epoch}}, {{epoch:02d}} or a metric such as {{val_accuracy:.3f}}, of: {string.Join(", ", Known.Skip(1))}.", nameof(pattern));
                }

                parts.Add((literal.ToString(), name, format));
                literal.Clear();
                position += match.Length;
            }
            else
            {
                literal.Append(c);
                position++;
            }
        }

        parts.Add((literal.ToString(), null, ""));
    }

    /// <summary>The folder that all files lie in or below: what stands before the first placeholder, up to its last separator.</summary>
    public string Folder => Path.GetDirectoryName(Path.GetFullPath(parts[0].Literal + "file"))!;

    /// <summary>The same files, whichever folder is the current one later: dialogs of Windows that choose files change it.</summary>
    public FilePattern FromHere() => Path.IsPathRooted(pattern) ? this : new FilePattern(owner, Path.Combine(Literal(Environment.CurrentDirectory), pattern));

    /// <summary>The pattern of one file, whatever braces its path has.</summary>
    public static string Literal(string path) => path.Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal);

    private static IReadOnlyList<string> Known { get; } = ["epoch", .. EpochMetrics.All];

    /// <summary>Throws when the training does not measure a metric that the name asks for.</summary>
    public void CheckAvailable(TrainingContext context)
    {
        foreach (string name in parts.Select(p => p.Name).OfType<string>().Where(name => name != "epoch" && !context.Metrics.Contains(name)))
        {
            throw new Cifar3Exception($"{owner}: the file name '{Shown.Path(pattern)}' asks for '{name}', which this training does not measure. Metrics: {string.Join(", ", context.Metrics)}. Give Fit validation images, or choose one of these.");
        }
    }

    /// <summary>The file name after an epoch.</summary>
    public string Format(EpochLog log) => string.Concat(parts.Select(p => p.Literal + p.Name switch
    {
        null => "",
        "epoch" => log.Epoch.ToString($"D{p.Format.TrimEnd('d').TrimStart('0') switch { "" => "1", var width => width }}", CultureInfo.InvariantCulture),
        _ => Real(EpochMetrics.Value(log, p.Name) ?? double.NaN, p.Format),
    }));

    private static bool IsFormat(string name, string format) =>
        format.Length == 0 || (name == "epoch" ? IntegerFormat().IsMatch(format) : RealFormat().IsMatch(format));

    /// <summary>Python's <c>.3f</c> and <c>.2e</c>; without a format all digits.</summary>
    private static string Real(double value, string format)
    {
        if (format.Length == 0)
        {
            return value.ToString(CultureInfo.InvariantCulture);
        }

        int digits = int.Parse(format.AsSpan(1, format.Length - 2), CultureInfo.InvariantCulture);
        string net = format[^1] == 'f' ? $"F{digits}" : $"0.{new string('0', digits)}e+00";
        return value.ToString(net, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"\G\{(?<name>\w+)(:(?<format>[^{}]*))?\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"^(0[1-9])?d$")]
    private static partial Regex IntegerFormat();

    [GeneratedRegex(@"^\.[0-9][fe]$")]
    private static partial Regex RealFormat();
}
