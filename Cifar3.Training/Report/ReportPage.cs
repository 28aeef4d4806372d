using System.Globalization;
using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>The sections of the report, each one piece of HTML.</summary>
/// <param name="result">What the training ended with.</param>
/// <param name="data">The images.</param>
/// <param name="numbers">How the best model does on the test images.</param>
/// <param name="words">How the training's remarks are told to the reader.</param>
internal sealed class ReportPage(TrainingResult result, ImageData data, ReportNumbers numbers, Func<string, string> words)
{
    private const int ExamplesEach = 8, MaxExampleClasses = 20, MaxMatrixClasses = 30, MaxBadImages = 20;

    private readonly CnnModel model = result.BestModel;
    private readonly ClassificationReport report = numbers.Report;

    public override string ToString() => Html.Of($"""
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
        <title>Training report: {string.Join(", ", Shown(model.ClassNames))}</title><style>{Style()}</style></head><body><main>
        <header><h1>Training report</h1><p>{string.Join(", ", Shown(model.ClassNames))} · written {DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC by Cifar3 {ModelMetadata.CurrentVersion}</p></header>
        {Synthetic()}{Headline()}{Remarks()}{Data()}{Recipe()}{Curves()}{Confusion()}{Calibration()}{Mistakes()}{Card()}{Commands()}
        </main></body></html>

        """).ToString();

    private static Html Style()
    {
        using var stream = typeof(ReportPage).Assembly.GetManifestResourceStream("report.css")!;
        using var reader = new StreamReader(stream);
        return Html.Own(reader.ReadToEnd());
    }

    private static IEnumerable<string> Shown(IReadOnlyList<string> names) => names.Count <= 6 ? names : [.. names.Take(5), string.Create(CultureInfo.InvariantCulture, $"{names.Count - 5} more")];

    private Html Synthetic() => data.IsSynthetic
        ? Html.Of($"""<p class="warning">All images here are drawn by the library itself (synthetic): the figures say nothing about photographs.</p>""")
        : Html.Empty;

    private Html Headline()
    {
        (string Value, string Name)[] tiles =
        [
            (Percent(report.Accuracy), $"accuracy on {Count(report.Count)} test images"),
            (report.LogLoss.ToString("F4", CultureInfo.InvariantCulture), "log-loss (nats)"),
            (Percent(numbers.Report.Calibration.ExpectedCalibrationError), "calibration error"),
            ($"{model.Metadata.Epoch} of {result.History.Epochs.Length}", "chosen epoch"),
            (Time(result.History.Epochs.Sum(epoch => epoch.Seconds)), "training time"),
        ];
        return Html.Of($"""<section class="tiles">{tiles.Select(tile => Html.Of($"<div><b>{tile.Value}</b><span>{tile.Name}</span></div>"))}</section>""");
    }

    /// <summary>What the training itself says: the figures above may mean nothing, and whoever gets the page has not seen the console.</summary>
    private Html Remarks() => Html.Join(
        new[] { ("Warning", result.Warning), ("Note", result.RecipeNote), ("Note", result.ResumeNote), ("Note", result.FilesNote) }
            .Where(remark => remark.Item2 is not null).Select(remark => Html.Of($"""<p class="warning">{remark.Item1}: {words(remark.Item2!)}</p>""")));

    private Html Data()
    {
        var train = Counts(data.Train);
        var test = Counts(data.Test);
        int most = Math.Max(1, train.Max()), least = train.Min();
        var rows = data.ClassNames.Select((name, i) => Html.Of($"""
            <tr><th scope="row">{name}</th><td class="number">{train[i]:N0}</td><td class="number">{test[i]:N0}</td><td><span class="share" style="width:{100.0 * train[i] / most:F1}%"></span></td></tr>
            """));
        var unequal = 2 * least < most
            ? Html.Of($"""<p class="warning">The classes are unequal: {Count(least)} to {Count(most)} training images a class. Accuracy then says little about the rare ones; look at their recall below.{Always()}</p>""")
            : Html.Empty;
        var skipped = data.Skipped.Select(files => Html.Of($"""<li>{files.ToString()}{(files.Examples.IsEmpty ? "" : $": {string.Join(", ", files.Examples.Select(path => Cifar3.Shown.Path(path)))}{(files.Count > files.Examples.Length ? ", …" : "")}")}</li>"""))
            .Concat(data.BadImages.Take(MaxBadImages).Select(bad => Html.Of($"<li>{Cifar3.Shown.Text(bad.Message, 600)}</li>"))).ToList();
        var leftOut = skipped.Count > 0 ? Html.Of($"""<details class="skipped"><summary>Left out: {string.Join(", ", data.Skipped)}</summary><ul>{skipped}</ul></details>""") : Html.Empty;
        var examples = data.ClassNames.Take(MaxExampleClasses).Select((name, label) => Html.Of($"""<div class="examples"><span>{name}</span>{Examples(label)}</div>"""));
        return Html.Of($"""
            <section><h2>Data</h2><p>{Count(data.Train.Count)} training and {Count(data.Test.Count)} test images of 32×32 pixels: {data.Source}</p>{leftOut}{unequal}
            <div class="scroll"><table><thead><tr><th>class</th><th class="number">training</th><th class="number">test</th><th class="wide">share</th></tr></thead><tbody>{rows}</tbody></table></div>
            <h3>Examples of the training images{(data.ClassNames.Length > MaxExampleClasses ? $" of the first {MaxExampleClasses} classes" : "")}</h3>{examples}</section>
            """);

        string Always() => data.Test.Count == 0 ? "" : $" Naming always {data.ClassNames[Array.IndexOf(test, test.Max())]} would be right on {Percent((double)test.Max() / data.Test.Count)} of the test images.";

        IEnumerable<Html> Examples(int label) => Enumerable.Range(0, data.Train.Count).Where(i => data.Train.Labels[i] == label).Take(ExamplesEach)
            .Select(i => Picture(data.Train.Image(i), data.ClassNames[label]));
    }

    private Html Recipe()
    {
        (string Name, string Value)[] rows =
        [
            ("recipe", model.Metadata.Recipe ?? "not known"),
            ("seed", model.Metadata.Seed.ToString(CultureInfo.InvariantCulture)),
            ("trained on", model.Metadata.TrainedOn ?? "not known"),
            ("engine", result.Engine),
            ("end", result.StopReason is { } reason ? $"stopped early: {reason}" : "all epochs"),
            ("machine", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.OSArchitecture}, {Environment.ProcessorCount} processors, {RuntimeInformation.FrameworkDescription}"),
        ];
        return Html.Of($"""<section><h2>Recipe and machine</h2><div class="scroll">{Pairs(rows)}</div></section>""");
    }

    private Html Curves()
    {
        var history = result.History;
        if (history.Epochs.IsEmpty)
        {
            return Html.Of($"<section><h2>Curves</h2><p>The model tells of no epoch.</p></section>");
        }

        bool validated = history.Metrics.Contains("val_loss");
        var accuracy = Lines("accuracy");
        var loss = Lines("loss");
        double lowest = Math.Max(0, Math.Floor(20 * accuracy.SelectMany(line => line.Values).Where(double.IsFinite).DefaultIfEmpty(0).Min() - 0.5) / 20);
        double highest = Math.Max(0.1, 1.08 * loss.SelectMany(line => line.Values).Where(double.IsFinite).DefaultIfEmpty(1).Max());
        int chosen = model.Metadata.Epoch;
        return Html.Of($"""
            <section><h2>Curves</h2><div class="charts">{SvgChart.Curves("accuracy", accuracy, lowest, 1, chosen)}{SvgChart.Curves("loss", loss, 0, highest, chosen)}</div>
            <details><summary>The same as numbers</summary><div class="scroll"><table><thead><tr><th>epoch</th>{history.Metrics.Select(metric => Html.Of($"""<th class="number">{metric}</th>"""))}<th class="number">seconds</th></tr></thead>
            <tbody>{history.Epochs.Select(Row)}</tbody></table></div></details></section>
            """);

        (string Style, string Legend, IReadOnlyList<double> Values)[] Lines(string metric) => validated
            ? [("training", "training", history[metric]), ("validation", "validation", history[$"val_{metric}"])]
            : [("training", "training", history[metric])];

        Html Row(EpochLog log) => Html.Of($"""
            <tr{(log.Epoch == chosen ? Html.Own(" class=\"picked\"") : Html.Empty)}><th scope="row">{log.Epoch}</th>{history.Metrics.Select(metric => Html.Of($"""<td class="number">{(EpochMetrics.Value(log, metric) ?? double.NaN).ToString("G5", CultureInfo.InvariantCulture)}</td>"""))}<td class="number">{log.Seconds:F1}</td></tr>
            """);
    }

    private Html Confusion()
    {
        int n = report.ClassNames.Length;
        var classes = report.Classes.Select(c => Html.Of($"""
            <tr><th scope="row">{c.Name}</th><td class="number">{c.Precision:P1}</td><td class="number">{c.Recall:P1}</td><td class="number">{c.F1:P1}</td><td class="number">{c.Support:N0}</td></tr>
            """));
        var table = Html.Of($"""
            <div class="scroll"><table><thead><tr><th>class</th><th class="number">precision</th><th class="number">recall</th><th class="number">F1</th><th class="number">images</th></tr></thead><tbody>{classes}</tbody></table></div>
            """);
        if (n > MaxMatrixClasses)
        {
            return Html.Of($"""<section><h2>Test images by class</h2>{table}</section>""");
        }

        var rows = Enumerable.Range(0, n).Select(truth =>
        {
            var counts = report.ConfusionMatrix.Counts[truth];
            double all = Math.Max(1, counts.Sum());
            var cells = Enumerable.Range(0, n).Select(predicted => Html.Of($"""
                <td class="{(predicted == truth ? "cell right" : "cell wrong")}{(counts[predicted] / all > 0.55 ? " strong" : "")}" style="--share:{counts[predicted] / all:F3}">{counts[predicted]:N0}</td>
                """));
            return Html.Of($"""<tr><th scope="row">{report.ClassNames[truth]}</th>{cells}</tr>""");
        });
        return Html.Of($"""
            <section><h2>Confusion matrix</h2><p>Rows are the true classes, columns what the model says; the colour is the share of the row.</p>
            <div class="scroll"><table class="matrix"><thead><tr><th></th>{report.ClassNames.Select(name => Html.Of($"<th>{name}</th>"))}</tr></thead><tbody>{rows}</tbody></table></div>{table}</section>
            """);
    }

    private Html Calibration() => Html.Of($"""
        <section><h2>Calibration</h2><p>Of the images where the model is, say, 90 % sure, 90 % should be right: bars on the dashed line. On average confidence and truth are {Percent(numbers.Report.Calibration.ExpectedCalibrationError)} apart (expected calibration error, {numbers.Report.Calibration.Bins.Length} bins).</p>
        <div class="charts">{SvgChart.Reliability(numbers.Report.Calibration.Bins)}</div></section>
        """);

    private Html Mistakes()
    {
        int wrong = report.Count - report.Correct;
        var pictures = numbers.Mistakes.Select(mistake => Html.Of($"""
            <figure class="mistake">{Picture(data.Test.Image(mistake.Index), $"test image {mistake.Index}")}<figcaption><bdi>{data.ClassNames[data.Test.Labels[mistake.Index]]}</bdi> <span class="arrow">→</span> <b><bdi>{mistake.Prediction.Label}</bdi></b><br>{mistake.Prediction.Confidence:P1} sure</figcaption></figure>
            """));
        return Html.Of($"""
            <section><h2>Worst mistakes</h2><p>{(wrong == 0 ? "There are none." : $"{Count(wrong)} of {Count(report.Count)} test images are taken for another class; {(wrong > numbers.Mistakes.Count ? $"the {numbers.Mistakes.Count} most confident" : "all")}, true → predicted:")}</p><div class="mistakes">{pictures}</div></section>
            """);
    }

    private Html Card()
    {
        (string Name, string Value)[] rows =
        [
            ("what it does", $"tells {model.ClassNames.Length} classes apart in pictures resized to 32×32: {string.Join(", ", model.ClassNames)}"),
            ("what it does not", "It gives one of its classes for every picture, whatever the picture shows, and sees no detail smaller than a 32nd of it."),
            ("network", $"CNN of {Count(model.Weights.Sum(weight => weight.Count))} parameters, filters {string.Join(", ", model.Architecture.Filters)}"),
            ("input", "uint8 RGB / 255, [N, 32, 32, 3]"),
            ("output", $"softmax probabilities, [N, {model.ClassNames.Length}]"),
            ("measured on", $"{Count(report.Count)} test images: accuracy {Percent(report.Accuracy)}, log-loss {report.LogLoss.ToString("F4", CultureInfo.InvariantCulture)}"),
            ("how the epoch was chosen", model.Metadata.ValAccuracy is null ? (model.Metadata.Epoch < result.History.Epochs.Length ? "by a callback, without validation images" : "the last one") : $"by validation accuracy{(result.History.Metrics.Contains("val_weighted_accuracy") ? ", each image counted by its class's weight" : "")}. Where the validation images are the test images, the accuracy above is a little flattering."),
            ("weights", $"SHA-256 {model.WeightHash()}"),
            ("made by", $"Cifar3 {model.Metadata.LibraryVersion}"),
        ];
        return Html.Of($"""<section><h2>Model card</h2><div class="scroll">{Pairs(rows)}</div></section>""");
    }

    private static Html Commands() => Html.Of($"""
        <section><h2>Using the model</h2><p>On the command line, after <code>dotnet tool install --global Cifar3.Tool</code>:</p>
        <pre>{CommandLines}</pre><p>In C#:</p><pre>{CSharpLines}</pre><p>In Python, with onnxruntime:</p><pre>{PythonLines}</pre></section>
        """);

    private const string CommandLines = """
        cifar3 predict model.onnx photo.jpg
        cifar3 evaluate model.onnx pictures
        cifar3 serve model.onnx
        """;

    private const string CSharpLines = """
        using var classifier = Cifar3Classifier.Load("model.onnx");
        Console.WriteLine(classifier.Predict("photo.jpg"));
        """;

    private const string PythonLines = """
        import numpy, onnxruntime
        from PIL import Image, ImageOps
        session = onnxruntime.InferenceSession("model.onnx")
        picture = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB").resize((32, 32), Image.BILINEAR)
        image = numpy.asarray(picture, numpy.float32) / 255
        print(session.run(None, {session.get_inputs()[0].name: image[None]}))
        """;

    private static Html Pairs(IEnumerable<(string Name, string Value)> rows) =>
        Html.Of($"<table class=\"pairs\"><tbody>{rows.Select(row => Html.Of($"""<tr><th scope="row">{row.Name}</th><td>{row.Value}</td></tr>"""))}</tbody></table>");

    private static Html Picture(ReadOnlySpan<byte> pixels, string name)
    {
        string png = Convert.ToBase64String(Training.Picture.ToPng(pixels));
        return Html.Of($"""<img alt="{name}" width="64" height="64" src="data:image/png;base64,{png}">""");
    }

    private static int[] Counts(ImageSet images)
    {
        var counts = new int[images.ClassNames.Length];
        foreach (int label in images.Labels)
        {
            counts[label]++;
        }

        return counts;
    }

    private static string Count(int value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Percent(double share) => share.ToString("P2", CultureInfo.InvariantCulture);

    private static string Time(double seconds) => seconds < 90
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds:F1} s")
        : string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:F1} min");
}
