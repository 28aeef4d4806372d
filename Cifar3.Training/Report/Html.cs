using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace Cifar3.Training;

/// <summary>
/// A piece of HTML that is safe to show: all that is interpolated into it is escaped and culture-invariant, unless it is such a piece itself.
/// Names of classes, folders and recipes come from files, so nothing else may make HTML of the report.
/// </summary>
internal sealed class Html
{
    private readonly string text;

    private Html(string text) => this.text = text;

    public static Html Empty { get; } = new("");

    /// <summary><c>Html.Of($"&lt;td&gt;{name}&lt;/td&gt;")</c></summary>
    public static Html Of(Builder html) => new(html.ToString());

    /// <summary>Pieces one behind the other.</summary>
    public static Html Join(IEnumerable<Html> pieces) => new(string.Concat(pieces.Select(piece => piece.text)));

    /// <summary>Text of this library's own, such as its style sheet.</summary>
    public static Html Own(string text) => new(text);

    public override string ToString() => text;

    [InterpolatedStringHandler]
    public readonly struct Builder(int literalLength, int formattedCount)
    {
        private readonly StringBuilder text = new(literalLength + 16 * formattedCount);

        public void AppendLiteral(string literal) => text.Append(literal);

        public void AppendFormatted(Html html) => text.Append(html.text);

        public void AppendFormatted(IEnumerable<Html> html)
        {
            foreach (var piece in html)
            {
                text.Append(piece.text);
            }
        }

        public void AppendFormatted(string? value) => text.Append(WebUtility.HtmlEncode(value));

        public void AppendFormatted<T>(T value, string? format = null)
            where T : IFormattable => text.Append(WebUtility.HtmlEncode(value.ToString(format, CultureInfo.InvariantCulture)));

        public override string ToString() => text.ToString();
    }
}
