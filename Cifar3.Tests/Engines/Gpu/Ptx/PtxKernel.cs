using System.Globalization;
using System.Text.RegularExpressions;

namespace Cifar3.Tests;

/// <summary>What an instruction does, apart from computing.</summary>
internal enum PtxKind
{
    /// <summary>Registers to a register: <see cref="PtxArithmetic"/>.</summary>
    Compute,
    LoadParameter,
    LoadGlobal,
    StoreGlobal,
    LoadShared,
    StoreShared,
    Branch,
    Barrier,
    Return,
}

/// <summary>One instruction. Operands are numbers of registers; constants lie in registers too.</summary>
internal sealed class PtxInstruction
{
    public required string Text { get; init; }

    public PtxKind Kind { get; init; }

    /// <summary>The register that must be true, −1 for none, and whether it must be false instead.</summary>
    public int Predicate { get; init; } = -1;

    public bool IsNegated { get; init; }

    public Func<ulong, ulong, ulong, ulong>? Compute { get; init; }

    /// <summary>Results, or the values of a store.</summary>
    public int[] Values { get; init; } = [];

    /// <summary>Operands, 0 where there are fewer than three; of memory the register with the address.</summary>
    public int A { get; init; }

    public int B { get; init; }

    public int C { get; init; }

    /// <summary>Bytes to add to an address; the number of a parameter.</summary>
    public int Offset { get; init; }

    /// <summary>Bytes of each value in memory.</summary>
    public int Width { get; init; }

    public string? Label { get; init; }

    /// <summary>Where a branch goes.</summary>
    public int Target { get; set; }

    /// <summary>The memory that this instruction found itself in last.</summary>
    public (nint Start, nint End) Range { get; set; }
}

/// <summary>
/// A kernel out of PTX as clang writes it: <see href="https://docs.nvidia.com/cuda/parallel-thread-execution/"/>, the part of it that the kernels use. What
/// is not known is an error, never passed over.
/// </summary>
internal sealed partial class PtxKernel
{
    private readonly Dictionary<string, int> registers = [];
    private readonly Dictionary<string, int> parameters = [];
    private readonly Dictionary<string, int> shared = [];

    private PtxKernel(string name, string head, string body)
    {
        Name = name;
        foreach (Match parameter in ParameterLine().Matches(head))
        {
            parameters.Add(parameter.Groups["name"].Value, parameters.Count);
            ParameterBytes.Add(int.Parse(parameter.Groups["bits"].Value, CultureInfo.InvariantCulture) / 8);
        }

        var threads = RequiredThreads().Match(head);
        Threads = threads.Success ? int.Parse(threads.Groups["x"].Value, CultureInfo.InvariantCulture) : 0;
        foreach (Match variable in SharedLine().Matches(body))
        {
            int align = int.Parse(variable.Groups["align"].Value, CultureInfo.InvariantCulture);
            SharedBytes = (SharedBytes + align - 1) / align * align;
            shared.Add(variable.Groups["name"].Value, SharedBytes);
            SharedBytes += int.Parse(variable.Groups["bytes"].Value, CultureInfo.InvariantCulture);
        }

        (ThreadRegister, GroupRegisters) = (Register("%tid.x"), [Register("%ctaid.x"), Register("%ctaid.y"), Register("%ctaid.z")]);
        var labels = new Dictionary<string, int>();
        foreach (string line in body.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && !Directive().IsMatch(line)))
        {
            if (line.EndsWith(':'))
            {
                labels.Add(line[..^1], Instructions.Count);
            }
            else
            {
                Instructions.Add(Parse(line.TrimEnd(';')));
            }
        }

        Instructions.Where(i => i.Kind == PtxKind.Branch).ToList().ForEach(branch => branch.Target = labels[branch.Label!]);
        InitialRegisters = new ulong[registers.Count];
        foreach (var (register, index) in registers.Where(r => !r.Key.StartsWith('%')))
        {
            InitialRegisters[index] = Constant(register);
        }
    }

    public string Name { get; }

    /// <summary>Bytes of each parameter, in order.</summary>
    public List<int> ParameterBytes { get; } = [];

    /// <summary>The number of work-items of a group that the kernel is made for; 0 where it does not say.</summary>
    public int Threads { get; }

    public int SharedBytes { get; }

    public List<PtxInstruction> Instructions { get; } = [];

    /// <summary>Registers as a work-item finds them: constants.</summary>
    public ulong[] InitialRegisters { get; }

    public int ThreadRegister { get; }

    public int[] GroupRegisters { get; }

    /// <summary>All kernels of a text, by name.</summary>
    public static Dictionary<string, PtxKernel> Parse(string ptx, IEnumerable<string> names) =>
        ptx.Split(".visible .entry ").Skip(1).Select(text => (Name: text[..text.IndexOf('(', StringComparison.Ordinal)], Text: text)).Where(entry => names.Contains(entry.Name)).ToDictionary(entry => entry.Name, entry =>
        {
            int body = entry.Text.IndexOf("\n{\n", StringComparison.Ordinal);
            return new PtxKernel(entry.Name, entry.Text[..body], entry.Text[(body + 3)..entry.Text.LastIndexOf('}')]);
        });

    private PtxInstruction Parse(string line)
    {
        var parts = InstructionLine().Match(line);
        string operation = parts.Groups["operation"].Value;
        string[] operands = [.. Operand().Matches(parts.Groups["operands"].Value).Select(m => m.Value.Trim())];
        int predicate = parts.Groups["predicate"].Success ? Register(parts.Groups["predicate"].Value) : -1;
        bool negated = parts.Groups["not"].Success;
        string[] words = operation.Split('.');
        return (words[0], words.ElementAtOrDefault(1)) switch
        {
            ("bra", _) => new() { Text = line, Kind = PtxKind.Branch, Predicate = predicate, IsNegated = negated, Label = operands[0] },
            ("bar", "sync") => new() { Text = line, Kind = PtxKind.Barrier, Predicate = predicate },
            ("ret", _) => new() { Text = line, Kind = PtxKind.Return, Predicate = predicate, IsNegated = negated },
            ("ld", "param") => new() { Text = line, Kind = PtxKind.LoadParameter, Predicate = predicate, Values = Registers(operands[0]), Offset = parameters[operands[1].Trim('[', ']')] },
            ("ld", "global") => Memory(PtxKind.LoadGlobal, operands[0], operands[1]),
            ("ld", "shared") => Memory(PtxKind.LoadShared, operands[0], operands[1]),
            ("st", "global") => Memory(PtxKind.StoreGlobal, operands[1], operands[0]),
            ("st", "shared") => Memory(PtxKind.StoreShared, operands[1], operands[0]),
            _ => new()
            {
                Text = line,
                Compute = PtxArithmetic.Find(operation),
                Predicate = predicate,
                IsNegated = negated,
                Values = Registers(operands[0]),
                A = Register(operands[1]),
                B = operands.Length > 2 ? Register(operands[2]) : 0,
                C = operands.Length > 3 ? Register(operands[3]) : 0,
            },
        };

        PtxInstruction Memory(PtxKind kind, string values, string address)
        {
            string[] place = address.Trim('[', ']').Split('+', 2);
            return new()
            {
                Text = line,
                Kind = kind,
                Predicate = predicate,
                IsNegated = negated,
                Values = Registers(values),
                A = Register(place[0]),
                Offset = place.Length > 1 ? int.Parse(place[1], CultureInfo.InvariantCulture) : 0,
                Width = int.Parse(words[^1][1..], CultureInfo.InvariantCulture) / 8,
            };
        }
    }

    private int[] Registers(string operand) => [.. operand.Trim('{', '}').Split(',').Select(name => Register(name.Trim()))];

    private int Register(string name)
    {
        if (!registers.TryGetValue(name, out int index))
        {
            registers.Add(name, index = registers.Count);
        }

        return index;
    }

    private ulong Constant(string text) =>
        text.StartsWith("0f", StringComparison.Ordinal) ? uint.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
        : shared.TryGetValue(text, out int offset) ? (ulong)offset
        : (ulong)long.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\.param \.[a-z](?<bits>\d+) (?<name>\w+)")]
    private static partial Regex ParameterLine();

    [GeneratedRegex(@"\.reqntid (?<x>\d+), 1, 1")]
    private static partial Regex RequiredThreads();

    [GeneratedRegex(@"\.shared \.align (?<align>\d+) \.b8 (?<name>[\w$]+)\[(?<bytes>\d+)\];")]
    private static partial Regex SharedLine();

    [GeneratedRegex(@"^\.(reg|shared|pragma) ")]
    private static partial Regex Directive();

    [GeneratedRegex(@"^(@(?<not>!)?(?<predicate>%p\d+)\s+)?(?<operation>[a-z][\w.]*)\s*(?<operands>.*)$")]
    private static partial Regex InstructionLine();

    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]|[^,\s]+")]
    private static partial Regex Operand();
}
