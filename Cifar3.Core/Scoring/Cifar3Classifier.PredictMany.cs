using System.Runtime.CompilerServices;
using Microsoft.ML.Data;

namespace Cifar3;

public sealed partial class Cifar3Classifier
{
    /// <summary>Classifies a stream of picture files of any length: several are decoded and scored at once, a bounded number ahead of the reader.</summary>
    /// <remarks>
    /// Predictions come in the order of the files. A bad file throws where its prediction would have been. Memory does not grow with the stream. For a list
    /// at once: <c>PredictMany(paths).ToList()</c>. Whoever stops reading or cancels waits for at most the pictures under way, one a core; then nothing
    /// goes on, and what was given may be freed.
    /// </remarks>
    /// <param name="paths">The files; read as far as needed. See <see cref="Predict(string)"/>.</param>
    /// <param name="progress">Receives the number of predictions handed out so far, every few dozen. Default: none.</param>
    /// <param name="onBadImage">
    /// What happens to a picture that is missing, damaged or too large. Null: the stream ends with its error. Otherwise the picture is left out, and this receives
    /// its number (from 0) and its error, on the reader's thread (of an asynchronous stream: on the one on which that goes on, any of the pool), before the next prediction: <c>(_, _) => { }</c> skips, <c>(i, e) => bad.Add((i, e))</c>
    /// collects. Default: null.
    /// </param>
    /// <param name="cancellationToken">Ends the stream early.</param>
    /// <returns>One prediction a file, while they are being made.</returns>
    /// <exception cref="Cifar3ImageException">While reading: a file is missing, no picture, damaged or too large: names it.</exception>
    /// <exception cref="OperationCanceledException">While reading: cancelled.</exception>
    /// <exception cref="ObjectDisposedException">While reading: the classifier is disposed.</exception>
    /// <example><code>
    /// foreach (var prediction in classifier.PredictMany(Directory.EnumerateFiles(folder, "*.jpg")))
    /// {
    ///     Console.WriteLine(prediction);
    /// }
    /// </code></example>
    public IEnumerable<Prediction> PredictMany(IEnumerable<string> paths, IProgress<long>? progress = null, Action<long, Cifar3ImageException>? onBadImage = null, CancellationToken cancellationToken = default) =>
        Stream(paths, ReadFile, ItemWeight.OfFile, progress, onBadImage, cancellationToken);

    /// <summary>Classifies a stream of encoded pictures in memory.</summary>
    /// <param name="encoded">The contents of JPEG, PNG, … files; read as far as needed.</param>
    /// <param name="progress">Receives the number of predictions handed out so far, every few dozen. Default: none.</param>
    /// <param name="onBadImage">
    /// What happens to a picture that is missing, damaged or too large. Null: the stream ends with its error. Otherwise the picture is left out, and this receives
    /// its number (from 0) and its error, on the reader's thread (of an asynchronous stream: on the one on which that goes on, any of the pool), before the next prediction: <c>(_, _) => { }</c> skips, <c>(i, e) => bad.Add((i, e))</c>
    /// collects. Default: null.
    /// </param>
    /// <param name="cancellationToken">Ends the stream early.</param>
    /// <inheritdoc cref="PredictMany(IEnumerable{string}, IProgress{long}?, Action{long, Cifar3ImageException}?, CancellationToken)"/>
    public IEnumerable<Prediction> PredictMany(IEnumerable<byte[]> encoded, IProgress<long>? progress = null, Action<long, Cifar3ImageException>? onBadImage = null, CancellationToken cancellationToken = default) =>
        Stream(encoded, ReadEncoded, encoded => encoded.Length, progress, onBadImage, cancellationToken);

    /// <summary>Classifies a stream of ML.NET images of any size.</summary>
    /// <param name="images">The images; they stay the caller's to dispose, after their prediction has come.</param>
    /// <param name="progress">Receives the number of predictions handed out so far, every few dozen. Default: none.</param>
    /// <param name="onBadImage">
    /// What happens to a picture that is missing, damaged or too large. Null: the stream ends with its error. Otherwise the picture is left out, and this receives
    /// its number (from 0) and its error, on the reader's thread (of an asynchronous stream: on the one on which that goes on, any of the pool), before the next prediction: <c>(_, _) => { }</c> skips, <c>(i, e) => bad.Add((i, e))</c>
    /// collects. Default: null.
    /// </param>
    /// <param name="cancellationToken">Ends the stream early.</param>
    /// <inheritdoc cref="PredictMany(IEnumerable{string}, IProgress{long}?, Action{long, Cifar3ImageException}?, CancellationToken)"/>
    public IEnumerable<Prediction> PredictMany(IEnumerable<MLImage> images, IProgress<long>? progress = null, Action<long, Cifar3ImageException>? onBadImage = null, CancellationToken cancellationToken = default) =>
        Stream(images, ReadImage, ItemWeight.OfImage, progress, onBadImage, cancellationToken);

    /// <summary>Classifies an asynchronous stream of picture files. Where the stream pauses, what has come is scored without waiting for more.</summary>
    /// <inheritdoc cref="PredictMany(IEnumerable{string}, IProgress{long}?, Action{long, Cifar3ImageException}?, CancellationToken)"/>
    public IAsyncEnumerable<Prediction> PredictMany(IAsyncEnumerable<string> paths, IProgress<long>? progress = null, Action<long, Cifar3ImageException>? onBadImage = null, CancellationToken cancellationToken = default) =>
        Stream(paths, ReadFile, ItemWeight.OfFile, progress, onBadImage, cancellationToken);

    /// <summary>Classifies an asynchronous stream of encoded pictures in memory. Where the stream pauses, what has come is scored without waiting for more.</summary>
    /// <inheritdoc cref="PredictMany(IEnumerable{byte[]}, IProgress{long}?, Action{long, Cifar3ImageException}?, CancellationToken)"/>
    public IAsyncEnumerable<Prediction> PredictMany(IAsyncEnumerable<byte[]> encoded, IProgress<long>? progress = null, Action<long, Cifar3ImageException>? onBadImage = null, CancellationToken cancellationToken = default) =>
        Stream(encoded, ReadEncoded, encoded => encoded.Length, progress, onBadImage, cancellationToken);

    /// <summary>Classifies an asynchronous stream of ML.NET images of any size. Where the stream pauses, what has come is scored without waiting for more.</summary>
    /// <inheritdoc cref="PredictMany(IEnumerable{MLImage}, IProgress{long}?, Action{long, Cifar3ImageException}?, CancellationToken)"/>
    public IAsyncEnumerable<Prediction> PredictMany(IAsyncEnumerable<MLImage> images, IProgress<long>? progress = null, Action<long, Cifar3ImageException>? onBadImage = null, CancellationToken cancellationToken = default) =>
        Stream(images, ReadImage, ItemWeight.OfImage, progress, onBadImage, cancellationToken);

    private void ReadFile(string path, long index, Span<byte> pixels) => ImageDecoder.DecodeFile(path, pixels, maxPixels);

    private void ReadEncoded(byte[] encoded, long index, Span<byte> pixels) => ImageDecoder.Decode(encoded, pixels, $"image {index}", maxPixels);

    private static void ReadImage(MLImage image, long index, Span<byte> pixels) => MLImagePixels.Read(image, pixels, $"image {index}");

    private IEnumerable<Prediction> Stream<T>(IEnumerable<T> source, PixelReader<T> read, Func<T, long> weigh, IProgress<long>? progress, Action<long, Cifar3ImageException>? onBadImage, CancellationToken cancellationToken, [CallerArgumentExpression(nameof(source))] string name = "")
    {
        ArgumentNullException.ThrowIfNull(source, name);
        return CreateStream(read, weigh, progress, onBadImage, cancellationToken).Run(source);
    }

    private IAsyncEnumerable<Prediction> Stream<T>(IAsyncEnumerable<T> source, PixelReader<T> read, Func<T, long> weigh, IProgress<long>? progress, Action<long, Cifar3ImageException>? onBadImage, CancellationToken cancellationToken, [CallerArgumentExpression(nameof(source))] string name = "")
    {
        ArgumentNullException.ThrowIfNull(source, name);
        return CreateStream(read, weigh, progress, onBadImage, cancellationToken).RunAsync(source, CancellationToken.None);
    }

    /// <summary>Twice as many pieces as threads: when one is done, the next is there.</summary>
    private PredictionStream<T> CreateStream<T>(PixelReader<T> read, Func<T, long> weigh, IProgress<long>? progress, Action<long, Cifar3ImageException>? onBadImage, CancellationToken cancellationToken) => new(
        (items, first, stop) => PieceScorer.Score(scorer, rows, items, first, read, onBadImage is not null, stop),
        scorer.PieceSize,
        ahead: scorer.Threads == 1 ? 1 : 2 * scorer.Threads,
        progress,
        onBadImage,
        cancellationToken,
        weigh);
}
