using System.Text;

namespace Cifar3.Training;

/// <summary>
/// The program's console, for as long as this is not disposed, as one that takes everything: what cannot be written, because the other end is closed or the disk of a
/// redirection full, is left out and remembered, and text is UTF-8 on every system: older code pages of Windows, and locales such as de_DE.ISO-8859-1, make <c>鳥.png</c> to <c>?.png</c> and a bar to question marks. A training must not end because nobody reads its progress; a program whose output is all that it is run for asks <see cref="IsOutputLost"/>.
/// </summary>
internal sealed class ForgivingConsole : IDisposable
{
    private const int StandardOutput = 1;

    private static ForgivingConsole? current;

    private readonly ForgivingWriter output, error;
    private readonly ForgivingConsole? before = current;
    private readonly Encoding? codePage = UseUtf8();

    private ForgivingConsole() => (output, error) = (new ForgivingWriter(() => Console.Out, StandardOutput), new ForgivingWriter(() => Console.Error));

    /// <summary>Whether text of the standard output was left out: what follows would be, too.</summary>
    public static bool IsOutputLost => current?.Problem is not null;

    /// <summary>Why text of the standard output was left out; null where none was.</summary>
    public string? Problem => output.Problem;

    /// <summary>Takes the console's place.</summary>
    public static ForgivingConsole Use()
    {
        var console = current = new ForgivingConsole();
        Console.SetOut(console.output);
        Console.SetError(console.error);
        return console;
    }

    /// <summary>Gives the console back.</summary>
    public void Dispose()
    {
        Console.SetOut(output.Inner);
        Console.SetError(error.Inner);
        if (codePage is not null)
        {
            Console.OutputEncoding = codePage; // it is the whole window's, and programs after this one may not expect another
        }

        current = before;
    }

    /// <summary>Gives what the window had; null where nothing is to be given back.</summary>
    private static Encoding? UseUtf8()
    {
        try
        {
            var had = Console.OutputEncoding;
            if (ConsoleText.IsUnicode(had))
            {
                return null;
            }

            Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
            return had;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Security.SecurityException)
        {
            return null; // the window keeps its own
        }
    }

    private sealed class ForgivingWriter : TextWriter
    {
        private readonly int? handle;

        /// <param name="inner">Gives the console's writer.</param>
        /// <param name="handle">Its number, where a reader that has gone is to be noticed: .NET drops what is written to it without a word.</param>
        public ForgivingWriter(Func<TextWriter> inner, int? handle = null)
        {
            this.handle = handle;
            try
            {
                Inner = inner();
            }
            catch (Exception e) when (IsLost(e))
            {
                Inner = Null; // there is no such stream at all
                Problem = Describe(e);
            }
        }

        public TextWriter Inner { get; }

        public string? Problem { get; private set; }

        public override Encoding Encoding => Inner.Encoding;

        public override void Write(char value) => Try(() => Inner.Write(value));

        public override void Write(char[] buffer, int index, int count) => Try(() => Inner.Write(buffer, index, count));

        public override void Write(string? value) => Try(() => Inner.Write(value));

        public override void WriteLine(string? value) => Try(() => Inner.WriteLine(value));

        public override void Flush() => Try(Inner.Flush);

        private static bool IsLost(Exception e) => e is ObjectDisposedException || IoFault.Find(e) is not null;

        private static string Describe(Exception e) => e is ArgumentOutOfRangeException ? IoFault.WriteRemedy(e) : Shown.Text(e.Message.TrimEnd('.')); // .NET's words for the limit are those of a programmer's mistake

        private void Try(Action write)
        {
            try
            {
                write();
                if (Problem is null && handle is { } number && UnixFile.HasNoReader(number))
                {
                    Problem = "nobody reads it any more";
                }
            }
            catch (Exception e) when (IsLost(e))
            {
                Problem ??= Describe(e);
            }
        }
    }
}
