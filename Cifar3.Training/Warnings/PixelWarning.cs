using System.Globalization;

namespace Cifar3.Training;

/// <summary>Says before the training that what the network sees cannot teach it: the pixels, not the labels or the settings, are then the cause.</summary>
internal static class PixelWarning
{
    /// <summary>Fewer than one image in so many, and the model loses too little to be worth a warning.</summary>
    private const int Share = 20;

    /// <summary>The warning; null where there is none.</summary>
    public static string? Of(ImageSet train) => TrainingWarning.Joined(Conflicts(train), Scaled(train.Pixels));

    /// <summary>Images that another class has too, pixel for pixel, once they are 32×32: no model tells them apart.</summary>
    private static string? Conflicts(ImageSet train)
    {
        var classes = RepeatedImages.Conflicts(train);
        int count = classes.Values.Sum();
        return count == 0 || count * Share < train.Count ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"{count:N0} of the {train.Count:N0} training images, most of them of {Shown.Names([train.ClassNames[classes.MaxBy(label => label.Value).Key]])}, are pixel for pixel images of another class too, as the network sees them ({CnnArchitecture.InputSize}x{CnnArchitecture.InputSize} pixels, on white where they are transparent): nothing can tell them apart. Look for files in the folders of two classes, for light shapes on a transparent ground (put a darker one behind them), and for details that so few pixels lose (cut the pictures to what matters).");
    }

    /// <summary>Pixels of 0 and 1 pass for bytes, and are black.</summary>
    private static string? Scaled(ReadOnlySpan<byte> pixels) => pixels.ContainsAnyExceptInRange((byte)0, (byte)1) || !pixels.Contains((byte)1) ? null
        : "No pixel of the training images is above 1, where white is 255: to every other program that scores with this model they are black. Multiply pixels that are scaled to 0 to 1 by 255.";
}
