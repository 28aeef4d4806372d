using System.Diagnostics;
using System.Globalization;
using System.Text;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>The built Quickstart program as a process of its own, with what it writes and how it ends.</summary>
internal sealed class QuickstartProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3); // a machine may be busy; a quiet one needs seconds

    private readonly Process process;
    private readonly StringBuilder output = new(), error = new();

    private QuickstartProcess(ProcessStartInfo start)
    {
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, e) => Append(output, e.Data);
        process.ErrorDataReceived += (_, e) => Append(error, e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Output => Read(output);

    public string[] ErrorLines => Read(error).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public int ExitCode => process.ExitCode;

    /// <summary>Starts the program.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="maxFileKilobytes">The largest file that the system lets it write: a disk that is soon full; 0 = no limit.</param>
    /// <param name="home">A home folder for the program, far from all caches and networks; null = the user's.</param>
    /// <param name="processors">How many processors the runtime shall see; 0 = those that there are.</param>
    /// <param name="output">Where bash sends the standard output, such as <c>&gt;/dev/full</c>; null = here.</param>
    /// <param name="nohup">Whether it is started with SIGHUP ignored, as nohup does.</param>
    public static QuickstartProcess Start(string[] arguments, int maxFileKilobytes = 0, string? home = null, int processors = 0, string? output = null, bool nohup = false)
    {
        var start = new ProcessStartInfo { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment.Remove("CIFAR3_DATA");
        foreach (var (variable, value) in home is null ? [] : Offline(home))
        {
            start.Environment[variable] = value;
        }

        if (processors > 0)
        {
            start.Environment["DOTNET_PROCESSOR_COUNT"] = processors.ToString("x", CultureInfo.InvariantCulture); // .NET reads it as hexadecimal
        }

        string[] command = [DotnetCommand.Host, Path.Combine(AppContext.BaseDirectory, "Quickstart.dll"), .. arguments];
        if (maxFileKilobytes > 0)
        {
            start.Environment["DOTNET_EnableWriteXorExecute"] = "0"; // the runtime itself needs no large file then
            command = ["bash", "-c", $"ulimit -f {maxFileKilobytes}; exec \"$@\"", "bash", .. command];
        }
        else if (OperatingSystem.IsLinux())
        {
            // A test run in the background ignores Ctrl-C, and children inherit that.
            command = ["env", $"--default-signal=INT,TERM{(nohup ? "" : ",HUP")}", .. nohup ? ["--ignore-signal=HUP"] : Array.Empty<string>(), .. command];
        }

        if (output is not null)
        {
            command = ["bash", "-c", $"exec \"$@\" {output}", "bash", .. command];
        }

        start.FileName = command[0];
        foreach (string argument in command[1..])
        {
            start.ArgumentList.Add(argument);
        }

        return new QuickstartProcess(start);
    }

    /// <summary>Starts the program and waits for its end.</summary>
    public static QuickstartProcess Run(string[] arguments, int maxFileKilobytes = 0, string? home = null, int processors = 0)
    {
        var run = Start(arguments, maxFileKilobytes, home, processors);
        run.WaitForExit();
        return run;
    }

    /// <summary>Two folders of drawn images of 48×40 pixels, train/… and test/…, in two classes named by the caller.</summary>
    public static string CreateImageFolders(int trainImages, string first = "screw", string second = "nut")
    {
        string folder = TestFiles.NewFolder();
        foreach (var (set, count) in new[] { ("train", trainImages), ("test", 20) })
        {
            foreach (string name in new[] { first, second })
            {
                Directory.CreateDirectory(Path.Combine(folder, set, name));
                for (int i = 0; i < count / 2; i++)
                {
                    Draw(Path.Combine(folder, set, name, $"{i:D4}.png"), name == first, i);
                }
            }
        }

        return folder;
    }

    /// <summary>Waits until the program has written a text.</summary>
    public void WaitFor(string text)
    {
        var clock = Stopwatch.StartNew();
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            Assert.That(process.HasExited && clock.ElapsedMilliseconds > 500, Is.False, $"ended without '{text}': {Output} {Read(error)}");
            Assert.That(clock.Elapsed, Is.LessThan(Patience), $"never wrote '{text}': {Output}");
            Thread.Sleep(5);
        }
    }

    public void PressControlC() => Signal("INT");

    /// <summary>Sends a signal, such as <c>TERM</c>.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public void WaitForExit()
    {
        Assert.That(process.WaitForExit(Patience), Is.True, $"did not end: {Output}");
        process.WaitForExit(); // also waits for the last lines of output
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
        }

        process.Dispose();
    }

    /// <summary>A user without data, caches and network.</summary>
    private static IEnumerable<(string Variable, string Value)> Offline(string home) =>
    [
        ("HOME", home), ("USERPROFILE", home), ("XDG_CACHE_HOME", home), ("KERAS_HOME", home), ("TORCH_HOME", home), ("LOCALAPPDATA", home),
        ("HTTPS_PROXY", "http://127.0.0.1:9"), // nobody listens there
    ];

    private static void Draw(string file, bool bar, int number)
    {
        using var bitmap = new SKBitmap(48, 40);
        using (var canvas = new SKCanvas(bitmap))
        using (var paint = new SKPaint { Color = new SKColor(230, (byte)(150 + number % 90), 60) })
        {
            canvas.Clear(new SKColor((byte)(number * 37 % 90), 60, 90));
            if (bar)
            {
                canvas.DrawRect(20, 4, 8, 32, paint);
            }
            else
            {
                canvas.DrawCircle(24, 20, 14, paint);
            }
        }

        using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(file, png.ToArray());
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is not null)
        {
            lock (text)
            {
                text.Append(line).Append('\n');
            }
        }
    }

    private static string Read(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }
}
