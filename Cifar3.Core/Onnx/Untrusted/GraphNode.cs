using Onnx;

namespace Cifar3;

/// <summary>A node of a graph: its settings, each read within a range, and none left unread.</summary>
internal sealed class GraphNode
{
    private readonly NodeProto proto;
    private readonly HashSet<string> unread = [];

    public GraphNode(NodeProto proto)
    {
        this.proto = proto;
        foreach (var attribute in proto.Attribute)
        {
            if (!unread.Add(attribute.Name) || attribute.RefAttrName.Length > 0)
            {
                throw Wrong("each setting once", $"'{Shown.Text(attribute.Name)}'");
            }
        }
    }

    /// <summary>The operator, such as <c>Conv</c>.</summary>
    public string Operator => proto.OpType;

    /// <summary>The error of this node.</summary>
    public FormatException Wrong(string expected, string found) =>
        new($"node '{Shown.Text(proto.Name.Length > 0 ? proto.Name : proto.Output.FirstOrDefault() ?? "")}' ({Shown.Text(proto.OpType)}): expected {expected}, found {found}");

    /// <summary>A whole number.</summary>
    public long Integer(string name, long missing, long least, long most)
    {
        var attribute = Find(name, AttributeProto.Types.AttributeType.Int);
        long value = attribute?.I ?? missing;
        return value >= least && value <= most ? value : throw Wrong($"{name} from {least} to {most}", $"{value}");
    }

    /// <summary>Whole numbers; as many as <paramref name="missing"/>.</summary>
    public long[] Integers(string name, long[] missing, long least, long most)
    {
        var attribute = Find(name, AttributeProto.Types.AttributeType.Ints);
        long[] values = attribute is null ? missing : [.. attribute.Ints];
        return values.Length == missing.Length && values.All(value => value >= least && value <= most)
            ? values
            : throw Wrong($"{missing.Length} {name} from {least} to {most}", GraphCheck.Print(values));
    }

    /// <summary>Axes, however many; null where the setting is missing.</summary>
    public long[]? Axes(string name) => Find(name, AttributeProto.Types.AttributeType.Ints) is { } attribute ? [.. attribute.Ints] : null;

    /// <summary>A number that only has to be finite.</summary>
    public void Number(string name)
    {
        if (Find(name, AttributeProto.Types.AttributeType.Float) is { } attribute && !float.IsFinite(attribute.F))
        {
            throw Wrong($"a finite {name}", $"{attribute.F}");
        }
    }

    /// <summary>A text of those that are known; the first where it is missing.</summary>
    public string Text(string name, params ReadOnlySpan<string> known)
    {
        string value = Find(name, AttributeProto.Types.AttributeType.String)?.S.ToStringUtf8() ?? known[0];
        return known.Contains(value) ? value : throw Wrong($"{name} {string.Join(", ", known.ToArray())}", Shown.Text(value));
    }

    /// <summary>Refuses what nobody asked for.</summary>
    public void CheckAllRead()
    {
        if (unread.FirstOrDefault() is { } name)
        {
            throw Wrong("settings of this operator", $"'{Shown.Text(name)}'");
        }
    }

    private AttributeProto? Find(string name, AttributeProto.Types.AttributeType type)
    {
        unread.Remove(name);
        var attribute = proto.Attribute.FirstOrDefault(a => a.Name == name);
        return attribute is null || attribute.Type == type ? attribute : throw Wrong($"{name} of type {type}", $"{attribute.Type}");
    }
}
