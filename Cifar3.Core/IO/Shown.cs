using System.Globalization;
using System.Text;

namespace Cifar3;

/// <summary>
/// Text that comes from files, folders or callers, made fit for a message: what would command a terminal or turn the line around is escaped,
/// and what is long is cut in its middle. Everything in a message that this library did not write itself goes through here.
/// </summary>
internal static class Shown
{
    /// <summary>The most characters of one text that a message repeats.</summary>
    public const int MaxLength = 200;

    /// <summary>The most items of a list that a message repeats.</summary>
    public const int MaxItems = 20;

    /// <summary>One text: control characters, line separators, direction marks, what shows nothing, and halves of surrogate pairs as <c>\uXXXX</c>, at most <paramref name="most"/> characters.</summary>
    /// <param name="text">The text; null is shown as <c>(null)</c>.</param>
    /// <param name="most">How many characters to show; of a longer text two thirds of them come from its beginning, the rest from its end.</param>
    public static string Text(string? text, int most = MaxLength)
    {
        if (text is null)
        {
            return "(null)";
        }

        if (text.Length <= most && !text.Any(c => IsHidden(c) || char.IsSurrogate(c)))
        {
            return text;
        }

        var shown = new StringBuilder();
        int head = text.Length <= most ? text.Length : most * 2 / 3, tail = text.Length <= most ? 0 : most - head;
        Escape(text.AsSpan(0, head), shown);
        if (tail > 0)
        {
            shown.Append(CultureInfo.InvariantCulture, $"…({text.Length:N0} characters)…");
            Escape(text.AsSpan(text.Length - tail), shown);
        }

        return shown.ToString();
    }

    /// <summary>A path: as a text, but longer, for its end is what tells files apart.</summary>
    public static string Path(string? path) => Text(path, 2 * MaxLength);

    /// <summary>Names in quotes, so that blanks at their ends are seen: <c>'cat ', 'dog' and 98 more</c>.</summary>
    public static string Names(IEnumerable<string> names, int most = MaxItems)
    {
        string[] all = [.. names];
        string rest = all.Length > most ? string.Create(CultureInfo.InvariantCulture, $" and {all.Length - most:N0} more") : "";
        return string.Join(", ", all.Take(most).Select(name => $"'{Text(name, 80)}'")) + rest;
    }

    /// <summary>The first names without quotes, for results in one line: <c>cat, dog, …</c>.</summary>
    public static string First(IEnumerable<string> names, int most = 10)
    {
        string[] first = [.. names.Take(most + 1)];
        return string.Join(", ", first.Take(most).Select(name => Text(name, 80))) + (first.Length > most ? ", …" : "");
    }

    private static void Escape(ReadOnlySpan<char> text, StringBuilder shown)
    {
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                shown.Append(c).Append(text[++i]);
            }
            else if (IsHidden(c) || char.IsSurrogate(c))
            {
                shown.Append(c switch
                {
                    '\n' => @"\n",
                    '\r' => @"\r",
                    '\t' => @"\t",
                    _ => string.Create(CultureInfo.InvariantCulture, $@"\u{(int)c:X4}"),
                });
            }
            else
            {
                shown.Append(c);
            }
        }
    }

    /// <summary>
    /// Control characters, line and paragraph separators, marks that change the direction of text, and what shows nothing and makes two names look alike (a blank of no width, a soft hyphen, the
    /// byte order mark). Not U+200C and U+200D, with which Persian, Indian scripts and emoji choose another form of a character.
    /// </summary>
    private static bool IsHidden(char c) =>
        char.IsControl(c) || c is '\u00AD' or '\u061C' or '\u180E' or '\u200B' or '\u200E' or '\u200F' or (>= '\u2028' and <= '\u202E') or (>= '\u2060' and <= '\u206F') or '\uFEFF' or (>= '\uFFF9' and <= '\uFFFB');
}
