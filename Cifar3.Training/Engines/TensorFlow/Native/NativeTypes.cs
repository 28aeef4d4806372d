using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>The element types that this engine uses (<c>TF_DataType</c>).</summary>
internal enum DataType
{
    Float = 1,
    Int32 = 3,
    UInt8 = 4,
}

/// <summary>An operation of a graph (<c>TF_Operation*</c>), valid as long as the graph.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Operation(nint Pointer)
{
    /// <summary>One of the operation's outputs.</summary>
    public Output this[int index] => new(this, index);
}

/// <summary>One output of an operation (<c>TF_Output</c>, 16 bytes, passed by value).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Output(Operation Operation, int Index)
{
    /// <summary>The first output of an operation, which for most is the only one.</summary>
    public static implicit operator Output(Operation operation) => operation[0];
}
