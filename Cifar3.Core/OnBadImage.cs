namespace Cifar3;

/// <summary>What happens when a picture among many cannot be decoded.</summary>
public enum OnBadImage
{
    /// <summary>The first one ends the call with its <see cref="Cifar3ImageException"/>.</summary>
    Throw,

    /// <summary>It is left out and counted.</summary>
    Skip,

    /// <summary>It is left out, counted, and kept with its error.</summary>
    Collect,
}

/// <summary>A picture that could not be decoded, or a folder of pictures that could not be listed.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Message">What is wrong with it and the remedy, as <see cref="Cifar3ImageException"/> says it.</param>
public sealed record BadImage(string Path, string Message);
