using System.Globalization;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary>How right each way of scoring is, and how far its probabilities are from ONNX Runtime's on the faithful graph.</summary>
internal static class ScoreAgreement
{
    public static void Print(ScoreModels models, ImageSet images, IReadOnlyList<(string Name, Cifar3Classifier Classifier)> contenders)
    {
        float[] expected = Probabilities(models.Keras, images);
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("on the test images", "accuracy", "same class as fp32", "probabilities differ by, mean", "at most", "images a second");
        foreach (var (name, classifier) in contenders)
        {
            float[] found = Probabilities(classifier, images);
            int classes = images.ClassNames.Length;
            int right = 0, same = 0;
            for (int i = 0; i < images.Count; i++)
            {
                int label = Choice(found.AsSpan(i * classes, classes));
                right += label == images.Labels[i] ? 1 : 0;
                same += label == Choice(expected.AsSpan(i * classes, classes)) ? 1 : 0;
            }

            var differences = found.Zip(expected, (a, b) => Math.Abs((double)a - b)).ToList();
            table.AddRow(name, Number((double)right / images.Count, "0.0000"), $"{same:N0} of {images.Count:N0}", Number(differences.Average(), "0.0E+0"), Number(differences.Max(), "0.0E+0"), Number(Enumerable.Range(0, 5).Select(_ => models.Rate(classifier, images)).Order().ElementAt(2), "N0"));
        }

        Tables.Write(table);
    }

    private static float[] Probabilities(Cifar3Classifier classifier, ImageSet images)
    {
        var probabilities = new float[images.Count * images.ClassNames.Length];
        classifier.Score(images.Pixels, probabilities);
        return probabilities;
    }

    private static int Choice(ReadOnlySpan<float> row)
    {
        int best = 0;
        for (int i = 1; i < row.Length; i++)
        {
            best = row[i] > row[best] ? i : best;
        }

        return best;
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
