using System.Collections.Immutable;
using System.Text;

namespace Cifar3;

/// <summary>One thing that scoring (or, added by the caller, training) may use.</summary>
/// <param name="Subject">What, such as <c>ONNX Runtime</c>.</param>
/// <param name="Wanted">Which version or files are wanted; empty where anything will do.</param>
/// <param name="Found">What there is; where it is not, what is missing and how to get it. One line.</param>
public sealed record DiagnosisLine(string Subject, string Wanted, string Found);

/// <summary>What this machine and program have for scoring. See <see cref="Cifar3Classifier.Diagnose"/>.</summary>
/// <param name="Lines">In the order in which a reader looks: machine, instruction set, ONNX Runtime, CUDA, what scores.</param>
/// <param name="Works">Whether a model of this library can be scored.</param>
public sealed record Diagnosis(ImmutableArray<DiagnosisLine> Lines, bool Works)
{
    /// <summary>The same with a further line, such as TensorFlow's: <c>With("TensorFlow", "", TensorFlowEngine.GetInfo().ToString())</c>.</summary>
    /// <param name="subject">What.</param>
    /// <param name="wanted">Which versions or files are wanted; may be empty.</param>
    /// <param name="found">What there is.</param>
    /// <returns>A new diagnosis.</returns>
    public Diagnosis With(string subject, string wanted, string found)
    {
        ArgumentNullException.ThrowIfNull(subject);
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(found);
        return this with { Lines = Lines.Add(new DiagnosisLine(subject, wanted, found)) };
    }

    /// <summary>A table as text, three columns, one line a subject.</summary>
    /// <returns>Lines that end with a line feed.</returns>
    public override string ToString()
    {
        int subject = Width(line => line.Subject, "subject"), wanted = Width(line => line.Wanted, "wanted");
        var text = new StringBuilder();
        foreach (var line in Lines.Insert(0, new DiagnosisLine("subject", "wanted", "found")))
        {
            text.Append(line.Subject.PadRight(subject)).Append("  ").Append(line.Wanted.PadRight(wanted)).Append("  ").Append(line.Found).Append('\n');
        }

        return text.ToString();

        int Width(Func<DiagnosisLine, string> column, string head) => Math.Max(head.Length, Lines.Select(line => column(line).Length).DefaultIfEmpty().Max());
    }
}
