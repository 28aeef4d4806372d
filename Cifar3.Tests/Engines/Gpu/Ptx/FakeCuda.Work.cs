using System.Runtime.InteropServices;

namespace Cifar3.Tests;

/// <summary>Memory, streams, modules and launches of the driver that needs no card.</summary>
internal sealed unsafe partial class FakeCuda
{
    private const int Alignment = 256; // as the driver's

    private readonly Dictionary<nint, long> deviceMemory = [], lockedMemory = [];
    private readonly Dictionary<nint, string> modules = [];
    private readonly Dictionary<nint, PtxKernel> kernels = [];
    private readonly Dictionary<nint, Queue<Action>> streams = [];
    private readonly Dictionary<nint, List<Action>> graphs = [];
    private readonly Dictionary<nint, nint> events = []; // the stream that one was recorded in last; 0 before
    private readonly HashSet<nint> reached = [];
    private List<Action>? captured; // while launches are recorded
    private nint lastHandle = 0x1000;
    private bool isBroken;

    /// <summary>What kernels did that they must not do; from then on every call to wait fails, as a driver's does.</summary>
    public List<string> Faults { get; } = [];

    private static nint Allocate(Dictionary<nint, long> memory, nint bytes)
    {
        byte* start = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
        new Span<byte>(start, (int)bytes).Fill(0xFF); // as float32 not a number
        memory.Add((nint)start, bytes);
        return (nint)start;
    }

    private static int Free(Dictionary<nint, long> memory, nint start)
    {
        if (!memory.Remove(start))
        {
            return InvalidValue;
        }

        NativeMemory.AlignedFree((void*)start);
        return 0;
    }

    private static bool Contains(Dictionary<nint, long> memory, nint address, nint bytes) => memory.Any(piece => address >= piece.Key && address + bytes <= piece.Key + piece.Value);

    private nint NewStream()
    {
        streams.Add(++lastHandle, new Queue<Action>());
        return lastHandle;
    }

    private int Copy(nint stream, bool isValid, nint to, nint from, nint bytes) =>
        isValid ? Later(stream, () => new ReadOnlySpan<byte>((void*)from, (int)bytes).CopyTo(new Span<byte>((void*)to, (int)bytes))) : InvalidValue;

    private int Later(nint stream, Action work)
    {
        if (!streams.TryGetValue(stream, out var queue))
        {
            return InvalidHandle;
        }

        if (captured is not null)
        {
            captured.Add(work);
        }
        else
        {
            queue.Enqueue(work);
        }

        return 0;
    }

    private nint NewEvent()
    {
        events.Add(++lastHandle, 0);
        return lastHandle;
    }

    private int Record(nint recorded, nint stream)
    {
        if (!events.ContainsKey(recorded))
        {
            return InvalidHandle;
        }

        events[recorded] = stream;
        reached.Remove(recorded);
        return Later(stream, () => reached.Add(recorded));
    }

    // What lies behind the event stays where it is: a card may be as slow as that.
    private int Await(nint awaited) =>
        !events.TryGetValue(awaited, out nint stream) ? InvalidHandle
        : stream == 0 ? 0
        : Run(streams[stream], () => reached.Contains(awaited));

    private int BeginCapture(nint stream)
    {
        captured = [];
        return streams.ContainsKey(stream) ? 0 : InvalidHandle;
    }

    private int EndCapture(nint* to)
    {
        var work = captured!;
        captured = null;
        return Give(to, NewGraph(work));
    }

    private nint NewGraph(List<Action> work)
    {
        graphs.Add(++lastHandle, work);
        return lastHandle;
    }

    private int Synchronize(nint stream)
    {
        if (captured is not null || !streams.TryGetValue(stream, out var queue))
        {
            return captured is null ? InvalidHandle : 900; // CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
        }

        return Run(queue, () => false);
    }

    private int Run(Queue<Action> queue, Func<bool> isEnough)
    {
        while (!isBroken && !isEnough() && queue.TryDequeue(out var work))
        {
            try
            {
                work();
            }
            catch (InvalidOperationException e)
            {
                Faults.Add(e.Message);
                isBroken = true;
            }
        }

        return isBroken ? IllegalAddress : 0;
    }

    private int Load(nint* to, nint image, uint count, int* options, nint* values)
    {
        string text = Marshal.PtrToStringUTF8(image)!; // ends where a 0 is
        bool isPtx = text.Contains(".version ", StringComparison.Ordinal) && text.Contains(".visible .entry ", StringComparison.Ordinal);
        if (isPtx && CompilerLog.Length == 0)
        {
            modules.Add(++lastHandle, text);
            return Give(to, lastHandle);
        }

        var given = Enumerable.Range(0, (int)count).ToDictionary(i => options[i], i => values[i]);
        return given.TryGetValue(5, out nint log) && given.TryGetValue(6, out nint size) && GiveText(log, (int)size, CompilerLog) == 0 ? InvalidPtx : InvalidValue;
    }

    private int GetFunction(nint* to, nint module, nint name)
    {
        if (!modules.TryGetValue(module, out string? text))
        {
            return InvalidHandle;
        }

        string wanted = Marshal.PtrToStringUTF8(name)!;
        if (!PtxKernel.Parse(text, [wanted]).TryGetValue(wanted, out var kernel))
        {
            return NotFound;
        }

        kernels.Add(++lastHandle, kernel);
        return Give(to, lastHandle);
    }

    private int Launch(nint function, (uint X, uint Y, uint Z) groups, uint threads, nint stream, ulong** arguments)
    {
        if (!kernels.TryGetValue(function, out var kernel) || threads != kernel.Threads || groups.X == 0 || groups.Y is 0 or > 65535 || groups.Z is 0 or > 65535)
        {
            return InvalidValue;
        }

        ulong[] values = [.. kernel.ParameterBytes.Select((bytes, i) => bytes == 8 ? *arguments[i] : *(uint*)arguments[i])]; // now: the caller's may change
        return Later(stream, () => PtxMachine.Run(kernel, groups, values, Find));
    }

    private (nint Start, nint End) Find(nint address)
    {
        foreach (var (start, bytes) in deviceMemory)
        {
            if (address >= start && address < start + bytes)
            {
                return (start, start + (nint)bytes);
            }
        }

        return default;
    }
}
