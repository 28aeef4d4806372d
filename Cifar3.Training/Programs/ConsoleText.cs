using System.Text;

namespace Cifar3.Training;

/// <summary>What a console can show: on Windows, and in locales of an old character set, unless the program sets <see cref="Console.OutputEncoding"/>, one without Keras' bar, which would be question marks.</summary>
internal static class ConsoleText
{
    /// <summary>Whether an encoding has every character.</summary>
    public static bool IsUnicode(Encoding encoding) => encoding.CodePage is 65001 or 1200 or 1201 or 12000 or 12001; // UTF-8, UTF-16, UTF-32

    /// <summary>What bars are drawn with: Keras' and Spectre.Console's character, or the one that Spectre.Console falls back to.</summary>
    public static char Bar(Encoding encoding) => IsUnicode(encoding) ? '━' : '-';

    /// <summary>An error's message without the parameter's name that .NET appends: who types a command has no such name.</summary>
    public static string Message(Exception error) =>
        error is ArgumentException { ParamName: { } name } ? error.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : error.Message;

    /// <summary>Writes what may be left out: of a console that is closed or full, for the next line may find it otherwise.</summary>
    public static void Show(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
        {
        }
    }
}
