namespace Cifar3;

/// <summary>What a data view's loaders and transforms throw, in words.</summary>
internal static class SourceFailure
{
    /// <summary>The middle of a sentence that begins with the row at which the error came up, such as <c> failed: the file is gone</c>.</summary>
    /// <remarks>ML.NET reads on other threads ahead of the row, and wraps what is thrown there in an error that says no more than that.</remarks>
    public static string Of(Exception error) =>
        $"{(error.InnerException is null ? "" : " or of one after it")} failed: {Shown.Text(error.GetBaseException().Message.TrimEnd('.'))}";
}
