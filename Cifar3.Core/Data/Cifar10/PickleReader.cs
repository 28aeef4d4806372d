using System.Buffers.Binary;
using System.Text;

namespace Cifar3;

/// <summary>
/// Reads the Python pickles of CIFAR-10: dictionaries, lists, tuples, numbers, byte strings and NumPy arrays of bytes.
/// A pickle is a program for a small stack machine that can call any Python function. This reader knows only the opcodes that the published
/// files use, and of functions only the three that rebuild an array, which it does itself: it never executes anything.
/// </summary>
/// <remarks>
/// Protocol 2, as Python 2 wrote it. Values become <see cref="Dictionary{TKey, TValue}"/>, <see cref="List{T}"/> of objects, object arrays (tuples),
/// <see cref="long"/>, <see cref="bool"/>, <see cref="PickleBytes"/>, <see cref="PickleArray"/> and null. Opcodes: Python's pickletools.py.
/// </remarks>
internal sealed class PickleReader
{
    /// <summary>The most opcodes; the published files have about 20,000.</summary>
    public const int MaxSteps = 2_000_000;

    private readonly ReadOnlyMemory<byte> file;
    private readonly string name;
    private readonly List<object?> stack = [];
    private readonly Stack<int> marks = [];
    private readonly Dictionary<uint, object?> memo = [];
    private int position;

    private PickleReader(ReadOnlyMemory<byte> file, string name) => (this.file, this.name) = (file, name);

    /// <summary>Reads one pickle.</summary>
    /// <param name="file">The whole file; arrays and strings of the result point into it.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <returns>The value it holds.</returns>
    /// <exception cref="Cifar3DataException">The file is cut off, damaged, or uses anything that CIFAR-10's files do not.</exception>
    public static object? Read(ReadOnlyMemory<byte> file, string name) => new PickleReader(file, name).Run();

    private object? Run()
    {
        for (int step = 0; step < MaxSteps; step++)
        {
            int at = position;
            byte opcode = Take(1)[0];
            switch (opcode)
            {
                case 0x80: // PROTO
                    byte protocol = Take(1)[0];
                    if (protocol != 2)
                    {
                        throw Failure($"it has pickle protocol {protocol}, expected 2");
                    }

                    break;
                case (byte)'.': // STOP
                    return Pop();
                case (byte)'(': // MARK
                    marks.Push(stack.Count);
                    break;
                case (byte)'}': // EMPTY_DICT
                    stack.Add(new Dictionary<string, object?>());
                    break;
                case (byte)']': // EMPTY_LIST
                    stack.Add(new List<object?>());
                    break;
                case (byte)')': // EMPTY_TUPLE
                    stack.Add(Array.Empty<object?>());
                    break;
                case 0x85 or 0x86 or 0x87: // TUPLE1, TUPLE2, TUPLE3
                    stack.Add(PopLast(opcode - 0x84));
                    break;
                case (byte)'t': // TUPLE
                    stack.Add(PopToMark());
                    break;
                case (byte)'N': // NONE
                    stack.Add(null);
                    break;
                case 0x88 or 0x89: // NEWTRUE, NEWFALSE
                    stack.Add(opcode == 0x88);
                    break;
                case (byte)'K': // BININT1
                    stack.Add((long)Take(1)[0]);
                    break;
                case (byte)'M': // BININT2
                    stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
                    break;
                case (byte)'J': // BININT
                    stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
                    break;
                case (byte)'U': // SHORT_BINSTRING
                    stack.Add(Bytes(Take(1)[0]));
                    break;
                case (byte)'T': // BINSTRING
                    stack.Add(Bytes(BinaryPrimitives.ReadInt32LittleEndian(Take(4))));
                    break;
                case (byte)'q': // BINPUT
                    memo[Take(1)[0]] = Peek();
                    break;
                case (byte)'r': // LONG_BINPUT
                    memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Peek();
                    break;
                case (byte)'h': // BINGET
                    stack.Add(Recall(Take(1)[0]));
                    break;
                case (byte)'j': // LONG_BINGET
                    stack.Add(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
                    break;
                case (byte)'a': // APPEND
                    var last = Pop();
                    Top<List<object?>>("a list").Add(last);
                    break;
                case (byte)'e': // APPENDS
                    var items = PopToMark();
                    Top<List<object?>>("a list").AddRange(items);
                    break;
                case (byte)'s': // SETITEM
                    SetItems(PopLast(2));
                    break;
                case (byte)'u': // SETITEMS
                    SetItems(PopToMark());
                    break;
                case (byte)'c': // GLOBAL
                    stack.Add(PickleArray.Function($"{Line()} {Line()}") ?? throw Failure($"at byte {at:N0} it asks for Python code that CIFAR-10's files do not use"));
                    break;
                case (byte)'R': // REDUCE
                    var arguments = Pop();
                    stack.Add(PickleArray.Call(Pop(), arguments) ?? throw Failure($"at byte {at:N0} it calls a function in a way that CIFAR-10's files do not"));
                    break;
                case (byte)'b': // BUILD
                    var state = Pop();
                    if (!PickleArray.SetState(Peek(), state))
                    {
                        throw Failure($"at byte {at:N0} it describes something other than an array of bytes");
                    }

                    break;
                default:
                    throw Failure($"opcode 0x{opcode:X2} at byte {at:N0} is not one that CIFAR-10's files use");
            }
        }

        throw Failure($"it has more than {MaxSteps:N0} opcodes");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > file.Length - position)
        {
            throw Failure($"it ends at byte {file.Length:N0}, in the middle of a value");
        }

        position += count;
        return file.Span.Slice(position - count, count);
    }

    private PickleBytes Bytes(int length)
    {
        if (length < 0)
        {
            throw Failure($"a string before byte {position:N0} has a negative length");
        }

        int start = position;
        Take(length);
        return new PickleBytes(file.Slice(start, length));
    }

    /// <summary>Text up to the end of the line, at most 100 bytes.</summary>
    private string Line()
    {
        var rest = file.Span[position..];
        int length = rest[..Math.Min(rest.Length, 100)].IndexOf((byte)'\n');
        if (length < 0)
        {
            throw Failure($"the name at byte {position:N0} does not end");
        }

        position += length + 1;
        return Encoding.ASCII.GetString(rest[..length]);
    }

    private object? Peek() => stack.Count > Floor ? stack[^1] : throw Failure($"its stack is empty at byte {position:N0}");

    private object? Pop()
    {
        var value = Peek();
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    /// <summary>Values below the last mark belong to an unfinished container and cannot be taken.</summary>
    private int Floor => marks.TryPeek(out int mark) ? mark : 0;

    private object?[] PopLast(int count)
    {
        if (stack.Count - Floor < count)
        {
            throw Failure($"its stack is empty at byte {position:N0}");
        }

        object?[] values = [.. stack[^count..]];
        stack.RemoveRange(stack.Count - count, count);
        return values;
    }

    private object?[] PopToMark()
    {
        if (!marks.TryPop(out int mark))
        {
            throw Failure($"its stack has no mark at byte {position:N0}");
        }

        object?[] values = [.. stack[mark..]];
        stack.RemoveRange(mark, values.Length);
        return values;
    }

    private T Top<T>(string expected)
        where T : class => Peek() as T ?? throw Failure($"at byte {position:N0} it adds to something that is not {expected}");

    private void SetItems(object?[] items)
    {
        var dictionary = Top<Dictionary<string, object?>>("a dictionary");
        for (int i = 0; i < items.Length; i += 2)
        {
            if (items[i] is not PickleBytes key || i + 1 == items.Length)
            {
                throw Failure($"a dictionary before byte {position:N0} has a key that is no string");
            }

            if (key.Bytes.Length > PickleBytes.LongestText)
            {
                throw Failure($"a dictionary before byte {position:N0} has a key of {key.Bytes.Length:N0} bytes");
            }

            dictionary[key.Text] = items[i + 1];
        }
    }

    private object? Recall(uint key) => memo.TryGetValue(key, out var value) ? value : throw Failure($"at byte {position:N0} it recalls a value that it never stored");

    private Cifar3DataException Failure(string cause) =>
        new($"Cannot read batch '{Shown.Path(name)}': {cause}. Expected a file of cifar-10-batches-py as published. Nothing in it was executed; download it again.");
}

/// <summary>A byte string of a pickle.</summary>
internal sealed record PickleBytes(ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Bytes that <see cref="Text"/> looks at: a pickle may use a long string any number of times.</summary>
    public const int LongestText = 256;

    /// <summary>The beginning, read as text: CIFAR-10's strings are ASCII and short.</summary>
    public string Text => Encoding.Latin1.GetString(Bytes.Span[..Math.Min(LongestText, Bytes.Length)]);
}

/// <summary>
/// A NumPy array of bytes in a pickle. NumPy pickles one as: make an empty array, <c>_reconstruct(ndarray, (0,), 'b')</c>, then set its state
/// <c>(1, shape, dtype('u1'), is_fortran, data)</c>; the type likewise: <c>dtype('u1', 0, 1)</c> and a state that says how it is laid out.
/// </summary>
internal sealed class PickleArray
{
    private sealed record Global(string Name);

    private sealed record ByteType;

    private static readonly Global Reconstruct = new("numpy.core.multiarray _reconstruct"), NdArray = new("numpy ndarray"), DType = new("numpy dtype");

    /// <summary>Length along each axis.</summary>
    public IReadOnlyList<long> Shape { get; private set; } = [0];

    /// <summary>The elements, last axis fastest.</summary>
    public ReadOnlyMemory<byte> Data { get; private set; }

    /// <summary>The function of a name such as <c>numpy dtype</c>; null for all but the three known ones.</summary>
    public static object? Function(string name) => new[] { Reconstruct, NdArray, DType }.FirstOrDefault(g => g.Name == name);

    /// <summary>What a function gives for its arguments; null for all but the two calls above.</summary>
    public static object? Call(object? function, object? arguments)
    {
        if (ReferenceEquals(function, Reconstruct) && arguments is object?[] and [Global type, object?[] and [0L], PickleBytes { Text: "b" }] && type == NdArray)
        {
            return new PickleArray();
        }

        return ReferenceEquals(function, DType) && arguments is object?[] and [PickleBytes { Text: "u1" }, 0L, 1L] ? new ByteType() : null;
    }

    /// <summary>Sets the state of an array or a type.</summary>
    /// <returns>False when it is anything but an array of bytes whose data fits its shape.</returns>
    public static bool SetState(object? target, object? state)
    {
        if (target is ByteType)
        {
            return state is object?[] and [3L, PickleBytes { Text: "|" }, null, null, null, -1L, -1L, 0L];
        }

        if (target is not PickleArray array || state is not (object?[] and [1L, object?[] shape, ByteType, false, PickleBytes data]))
        {
            return false;
        }

        // Each length is at most 2³¹ − 1, so four axes could overflow; the files have two.
        if (shape.Length is 0 or > 2 || !shape.All(length => length is >= 0L) || shape.Aggregate(1L, (product, length) => product * (long)length!) != data.Bytes.Length)
        {
            return false;
        }

        (array.Shape, array.Data) = ([.. shape.Select(length => (long)length!)], data.Bytes);
        return true;
    }
}
