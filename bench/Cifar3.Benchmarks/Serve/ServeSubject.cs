using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Cifar3.AspNetCore;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Spectre.Console;

namespace Cifar3.Benchmarks;

/// <summary><c>serve</c>: the HTTP service on loopback beside the classifier called directly; client and service share this machine's processors.</summary>
internal static class ServeSubject
{
    private const int BatchSize = 32;
    private static readonly int[] Connections = [1, 8, 64];

    public static Command Create()
    {
        var seconds = new Option<double>("--seconds") { Description = "Length of one measurement.", DefaultValueFactory = _ => 3 };
        var requests = new Option<int>("--memory-requests") { Description = "Requests over which memory must stay flat; 0 = not measured.", DefaultValueFactory = _ => 0 };
        return SubjectOptions.Command(
            "serve",
            "The HTTP service on loopback: requests/s and latency, beside the classifier called directly.",
            (options, arguments) => RunAsync(options.Rounds, arguments.GetValue(seconds), arguments.GetValue(requests)).GetAwaiter().GetResult(),
            seconds,
            requests);
    }

    private static async Task<IReadOnlyList<Target>> RunAsync(int rounds, double seconds, int memoryRequests)
    {
        var images = Cifar3Data.Synthetic(trainCount: 3, testCount: BatchSize, seed: 1).Test;
        await using var app = Build();
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()) };
        using var classifier = Cifar3Classifier.LoadDefault();
        var batch = new TensorRequest(images.Pixels.ToArray());
        var single = new TensorRequest(images.Image(0).ToArray());
        byte[] picture = JpegOf(images);

        double Direct()
        {
            var probabilities = new float[BatchSize * classifier.ClassNames.Length];
            return Median(seconds, () => classifier.Score(images.Pixels, probabilities));
        }

        double Http() => Median(seconds, () => SendAsync(client, batch.Create()).GetAwaiter().GetResult());

        Direct();
        Http(); // both warmed up
        var measured = AlternatingRounds.Run(rounds, [new Contender("direct", Direct), new Contender("HTTP", Http)]);
        double ratio = measured["HTTP"].Median / measured["direct"].Median;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"A batch of {BatchSize} binary tensors: {1000 * measured["direct"].Median:F3} ms directly, {1000 * measured["HTTP"].Median:F3} ms over HTTP."));

        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("request", "connections", "requests/s", "images/s", "p50 ms", "p99 ms");
        var scores = new float[BatchSize * classifier.ClassNames.Length];
        var kinds = new (string Name, int Images, Action Direct, Func<HttpRequestMessage> Create)[]
        {
            ("JPEG file", 1, () => classifier.Predict(picture), () => Picture(picture)),
            ("1 binary tensor", 1, () => classifier.Score(images.Image(0), scores.AsSpan(0, classifier.ClassNames.Length)), single.Create),
            ($"{BatchSize} binary tensors", BatchSize, () => classifier.Score(images.Pixels, scores), batch.Create),
        };
        foreach (var (name, count, direct, create) in kinds)
        {
            AddRow("called directly", await LoadAsync(() => { direct(); return Task.CompletedTask; }, 1, seconds));
            foreach (int connections in Connections)
            {
                AddRow(connections.ToString(CultureInfo.InvariantCulture), await LoadAsync(() => SendAsync(client, create()), connections, seconds));
            }

            void AddRow(string connections, (double Rate, double P50, double P99) load) => table.AddRow(
                name, connections, Number(load.Rate), Number(load.Rate * count), load.P50.ToString("F3", CultureInfo.InvariantCulture), load.P99.ToString("F3", CultureInfo.InvariantCulture));
        }

        Tables.Write(table);
        List<Target> targets = [Target.AtMost(1.25, $"HTTP over the classifier directly, time of {BatchSize} binary tensors", ratio)];
        if (memoryRequests > 0)
        {
            targets.Add(Target.AtMost(1.1, $"memory after {memoryRequests:N0} requests over memory after a tenth of them", await MemoryAsync(client, single, memoryRequests)));
        }

        await app.StopAsync();
        return targets;
    }

    private static WebApplication Build()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddCifar3Classifier();
        var app = builder.Build();
        app.MapCifar3();
        return app;
    }

    /// <summary>Seconds of one call, the median over the time given.</summary>
    private static double Median(double seconds, Action call)
    {
        var times = new List<double>();
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start).TotalSeconds < seconds;)
        {
            long before = Stopwatch.GetTimestamp();
            call();
            times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
        }

        times.Sort();
        return times[times.Count / 2];
    }

    private static async Task<(double Rate, double P50, double P99)> LoadAsync(Func<Task> call, int connections, double seconds)
    {
        long start = Stopwatch.GetTimestamp();
        var each = await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(async () =>
        {
            var times = new List<double>();
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
            {
                long before = Stopwatch.GetTimestamp();
                await call();
                times.Add(Stopwatch.GetElapsedTime(before).TotalMilliseconds);
            }

            return times;
        })));
        double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double[] all = [.. each.SelectMany(times => times).Order()];
        return (all.Length / elapsed, all[all.Length / 2], all[(int)(0.99 * (all.Length - 1))]);
    }

    /// <summary>The process's memory after all requests over that after the first tenth.</summary>
    private static async Task<double> MemoryAsync(HttpClient client, TensorRequest request, int requests)
    {
        double early = 0;
        for (int part = 1; part <= 10; part++)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
            {
                for (int i = 0; i < requests / 80; i++)
                {
                    await SendAsync(client, request.Create());
                }
            }));
            using var process = Process.GetCurrentProcess();
            early = part == 1 ? process.WorkingSet64 : early;
            Console.Error.WriteLine($"{part * requests / 10:N0} requests: {process.WorkingSet64 / 1e6:N0} MB");
        }

        using var after = Process.GetCurrentProcess();
        return after.WorkingSet64 / early;
    }

    private static async Task SendAsync(HttpClient client, HttpRequestMessage request)
    {
        using (request)
        {
            using var response = await client.SendAsync(request);
            response.EnsureSuccessStatusCode();
            await response.Content.ReadAsByteArrayAsync();
        }
    }

    private static HttpRequestMessage Picture(byte[] picture) => new(HttpMethod.Post, "/predict") { Content = new ByteArrayContent(picture) };

    private static byte[] JpegOf(ImageSet images)
    {
        using var files = new JpegFiles(images.Take(1));
        return File.ReadAllBytes(files.Paths[0]);
    }

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A request with its tensor in binary.</summary>
    private sealed class TensorRequest
    {
        private readonly byte[] body;
        private readonly string jsonLength;

        public TensorRequest(byte[] pixels)
        {
            string json = $$$"""{"inputs":[{"name":"pixels","shape":[{{{pixels.Length / CnnArchitecture.ImageBytes}}},32,32,3],"datatype":"UINT8","parameters":{"binary_data_size":{{{pixels.Length}}}}}],"parameters":{"binary_data_output":true}}""";
            body = [.. Encoding.UTF8.GetBytes(json), .. pixels];
            jsonLength = json.Length.ToString(CultureInfo.InvariantCulture);
        }

        public HttpRequestMessage Create()
        {
            var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/cifar3/infer") { Content = new ByteArrayContent(body) };
            request.Headers.Add("Inference-Header-Content-Length", jsonLength);
            return request;
        }
    }
}
