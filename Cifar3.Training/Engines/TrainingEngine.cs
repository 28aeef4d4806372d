namespace Cifar3.Training;

/// <summary>What computes the training steps.</summary>
public enum TrainingEngine
{
    /// <summary>The best engine of this machine; today always <see cref="Managed"/>.</summary>
    Auto,

    /// <summary>The CPU engine in pure C#: any operating system and processor that .NET runs on, nothing to install.</summary>
    Managed,
}
