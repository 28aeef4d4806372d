using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace Cifar3.Benchmarks;

/// <summary>
/// A process that does the same work in another tool, or in this library under other settings. It lives through all rounds: it is
/// asked with a line of text and answers with a line of JSON, the first of which it prints by itself when it is ready.
/// A peer that cannot work says <c>{"missing": "why"}</c>.
/// </summary>
internal sealed class PeerProcess : IDisposable
{
    private readonly Process process;
    private readonly Queue<string> lastErrors = new();

    private PeerProcess(ProcessStartInfo start)
    {
        process = Process.Start(start)!;
        process.ErrorDataReceived += (_, line) => Remember(line.Data);
        process.BeginErrorReadLine();
        var ready = ReadAnswer();
        Name = ready.TryGetProperty("name", out var name) ? name.GetString()! : "";
        Missing = ready.TryGetProperty("missing", out var reason) ? reason.GetString() : null;
    }

    /// <summary>What the peer calls itself, with its version.</summary>
    public string Name { get; }

    /// <summary>Why it cannot work here; null when it can.</summary>
    private string? Missing { get; }

    /// <summary>Starts a script of <c>bench/peers</c>.</summary>
    /// <param name="script">File name, such as <c>torch_cnn.py</c>.</param>
    /// <param name="arguments">What the script finds in <c>sys.argv[1:]</c>.</param>
    /// <param name="packages">Folder of Python packages for <c>PYTHONPATH</c>; null = those of the system.</param>
    /// <param name="missing">Why there is no such peer here; null when there is.</param>
    /// <param name="showsGpus">Whether the script may see CUDA's devices. Default: false.</param>
    /// <returns>The peer, ready; null when it is missing.</returns>
    public static PeerProcess? TryStartPython(string script, IEnumerable<string> arguments, string? packages, out string? missing, bool showsGpus = false)
    {
        // On the CPU Debian's python3-torch is the peer; PyTorch for GPUs lies in an environment of its own, which PATH shows.
        string python = OperatingSystem.IsWindows() ? "python" : !showsGpus && File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
        return TryStart(python, [Path.Combine(AppContext.BaseDirectory, "peers", script), .. arguments], PythonEnvironment(packages, showsGpus), out missing);
    }

    /// <summary>Environment variables of a Python peer. Bytecode is kept between runs, outside the packages' folder: Keras starts in a third of the time (12 s of a processor without).</summary>
    /// <param name="packages">Folder of Python packages for <c>PYTHONPATH</c>; null = those of the system.</param>
    /// <param name="showsGpus">Whether it may see CUDA's devices.</param>
    public static IReadOnlyDictionary<string, string> PythonEnvironment(string? packages, bool showsGpus = false)
    {
        Dictionary<string, string> environment = new()
        {
            ["PYTHONDONTWRITEBYTECODE"] = "", // empty = not set
            ["PYTHONPYCACHEPREFIX"] = Path.Combine(Path.GetTempPath(), "cifar3-python"),
            ["TF_CPP_MIN_LOG_LEVEL"] = "3",
        };
        if (!showsGpus)
        {
            environment["CUDA_VISIBLE_DEVICES"] = "-1";
        }

        if (packages is not null)
        {
            environment["PYTHONPATH"] = packages;
        }

        return environment;
    }

    /// <summary>Starts this program again, with other arguments and environment variables.</summary>
    public static PeerProcess? TryStartSelf(IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, out string? missing)
    {
        string[] self = Self();
        return TryStart(self[0], [.. self[1..], .. arguments], environment, out missing);
    }

    /// <summary>What starts this program again: the one file that it was published as, or dotnet and its assembly.</summary>
    public static string[] Self()
    {
        string assembly = Path.Combine(AppContext.BaseDirectory, "Cifar3.Benchmarks.dll");
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host ? host : "dotnet";
        return File.Exists(assembly) ? [dotnet, assembly] : [Environment.ProcessPath!];
    }

    /// <summary>Starts any program that keeps the protocol.</summary>
    public static PeerProcess? TryStart(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, out string? missing)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (variable, value) in environment)
        {
            start.Environment[variable] = value;
        }

        try
        {
            var peer = new PeerProcess(start);
            missing = peer.Missing;
            if (missing is null)
            {
                return peer;
            }

            peer.Dispose();
            return null;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            missing = e.Message;
            return null;
        }
    }

    /// <summary>Asks for a piece of work and waits for the answer.</summary>
    /// <exception cref="InvalidOperationException">The peer ended instead; the message has its last words.</exception>
    public JsonElement Ask(string request)
    {
        process.StandardInput.WriteLine(request);
        process.StandardInput.Flush();
        return ReadAnswer();
    }

    /// <summary>Asks for a piece of work and returns one number of the answer.</summary>
    public double Ask(string request, string figure) => Ask(request).GetProperty(figure).GetDouble();

    /// <summary>Asks for a piece of work that the peer answers with <c>{"images": …, "seconds": …}</c>.</summary>
    /// <returns>Images a second.</returns>
    public double AskRate(string request)
    {
        var answer = Ask(request);
        return answer.GetProperty("images").GetDouble() / answer.GetProperty("seconds").GetDouble();
    }

    public void Dispose()
    {
        process.StandardInput.Close(); // the end of the requests ends the peer
        if (!process.WaitForExit(TimeSpan.FromSeconds(10)))
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }

    /// <summary>The next line of JSON; what else a tool prints is passed over.</summary>
    private JsonElement ReadAnswer()
    {
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith('{'))
            {
                using var json = JsonDocument.Parse(line);
                return json.RootElement.Clone();
            }
        }

        process.WaitForExit();
        lock (lastErrors)
        {
            throw new InvalidOperationException($"ended with exit code {process.ExitCode}: {string.Join(" | ", lastErrors)}");
        }
    }

    private void Remember(string? line)
    {
        lock (lastErrors)
        {
            if (line is { Length: > 0 })
            {
                lastErrors.Enqueue(line);
            }

            if (lastErrors.Count > 5)
            {
                lastErrors.Dequeue();
            }
        }
    }
}
