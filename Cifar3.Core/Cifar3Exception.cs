namespace Cifar3;

/// <summary>
/// The base of every error that Cifar3 raises on purpose. Its message names what failed, what was expected,
/// what was found and what to do; it can be shown to a user as it is.
/// </summary>
public class Cifar3Exception : Exception
{
    /// <summary>Creates the exception without a message.</summary>
    public Cifar3Exception()
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What failed, expected, found, and the remedy.</param>
    public Cifar3Exception(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    /// <param name="message">What failed, expected, found, and the remedy.</param>
    /// <param name="innerException">The error underneath.</param>
    public Cifar3Exception(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>A data source (archive, folder, download, data view) is missing, damaged or not what it should be.</summary>
public sealed class Cifar3DataException : Cifar3Exception
{
    /// <inheritdoc cref="Cifar3Exception()"/>
    public Cifar3DataException()
    {
    }

    /// <inheritdoc cref="Cifar3Exception(string)"/>
    public Cifar3DataException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="Cifar3Exception(string, Exception)"/>
    public Cifar3DataException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>One image cannot be decoded or is outside the limits.</summary>
public sealed class Cifar3ImageException : Cifar3Exception
{
    /// <inheritdoc cref="Cifar3Exception()"/>
    public Cifar3ImageException()
    {
    }

    /// <inheritdoc cref="Cifar3Exception(string)"/>
    public Cifar3ImageException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="Cifar3Exception(string, Exception)"/>
    public Cifar3ImageException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>What is wrong with the image. Default: <see cref="ImageProblem.Unreadable"/>.</summary>
    public ImageProblem Problem { get; init; }
}

/// <summary>Why an image is refused.</summary>
public enum ImageProblem
{
    /// <summary>It cannot be read at all: no such file, no permission, a disposed image.</summary>
    Unreadable,

    /// <summary>It is no picture of a known format.</summary>
    UnknownFormat,

    /// <summary>It is one, but cut off or damaged.</summary>
    Damaged,

    /// <summary>It has more bytes or pixels than the limits allow.</summary>
    TooLarge,
}

/// <summary>A model or checkpoint file is missing, damaged, or holds another network than this library's.</summary>
public sealed class Cifar3ModelException : Cifar3Exception
{
    /// <inheritdoc cref="Cifar3Exception()"/>
    public Cifar3ModelException()
    {
    }

    /// <inheritdoc cref="Cifar3Exception(string)"/>
    public Cifar3ModelException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="Cifar3Exception(string, Exception)"/>
    public Cifar3ModelException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
