namespace Cifar3;

/// <summary>How well one class is recognised.</summary>
/// <param name="Name">The class' name.</param>
/// <param name="Precision">Of the images taken for this class, the share that are it, 0 to 1; 0 where none was.</param>
/// <param name="Recall">Of the images of this class, the share that were recognised, 0 to 1; 0 where there are none.</param>
/// <param name="Support">Number of images of this class.</param>
public sealed record ClassReport(string Name, double Precision, double Recall, int Support)
{
    /// <summary>Harmonic mean of precision and recall; 0 where both are.</summary>
    public double F1 => Precision + Recall > 0 ? 2 * Precision * Recall / (Precision + Recall) : 0;
}
