namespace Cifar3.Training;

/// <summary>There is no GPU that <see cref="GpuEngine"/> can use, or its driver refused a call.</summary>
public sealed class GpuException : Cifar3Exception
{
    /// <inheritdoc cref="Cifar3Exception()"/>
    public GpuException()
    {
    }

    /// <inheritdoc cref="Cifar3Exception(string)"/>
    public GpuException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="Cifar3Exception(string, Exception)"/>
    public GpuException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal GpuException(string message, int code)
        : base(message) => Code = code;

    /// <summary>The driver's error number, such as OpenCL's −4 (not enough device memory); 0 where no driver was asked.</summary>
    public int Code { get; }
}
