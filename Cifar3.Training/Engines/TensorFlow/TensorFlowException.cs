namespace Cifar3.Training;

/// <summary>TensorFlow's C library is absent or unusable, or it refused a call.</summary>
public sealed class TensorFlowException : Cifar3Exception
{
    private static readonly string[] CodeNames =
    [
        "ok", "cancelled", "unknown", "invalid argument", "deadline exceeded", "not found", "already exists", "permission denied",
        "resource exhausted", "failed precondition", "aborted", "out of range", "unimplemented", "internal", "unavailable", "data loss", "unauthenticated",
    ];

    /// <inheritdoc cref="Cifar3Exception()"/>
    public TensorFlowException()
    {
    }

    /// <inheritdoc cref="Cifar3Exception(string)"/>
    public TensorFlowException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="Cifar3Exception(string, Exception)"/>
    public TensorFlowException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    private TensorFlowException(string message, string? operatorName, int code)
        : base(message)
    {
        OperatorName = operatorName;
        Code = code;
    }

    /// <summary>The graph's operator that failed, such as <c>train/cross_entropy</c>; null where none is concerned.</summary>
    public string? OperatorName { get; }

    /// <summary>TensorFlow's canonical status code, such as 3 (invalid argument) or 8 (resource exhausted: out of memory); 0 where TensorFlow was not asked.</summary>
    public int Code { get; }

    /// <summary>A failed status in words.</summary>
    internal static TensorFlowException Refused(string what, string? operatorName, int code, string message)
    {
        string codeName = code >= 0 && code < CodeNames.Length ? CodeNames[code] : "unknown code";
        string at = operatorName is null ? "" : $" at operator '{operatorName}'";
        return new TensorFlowException($"TensorFlow refused {what}{at}: {codeName} ({code}): {message.TrimEnd()}", operatorName, code);
    }
}
