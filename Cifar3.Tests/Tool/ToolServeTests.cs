using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Cifar3.Tests;

/// <summary><c>cifar3 serve</c>: it obeys its options alone, and says in one line why it cannot listen.</summary>
public sealed class ToolServeTests
{
    [TestCase("nonsense", "is no address to listen on")]
    [TestCase(";", "--urls names no address")]
    [TestCase("http://127.0.0.1:50x", "would listen on all of them")]
    [TestCase("http://127.0.0.1:0,foo", "would listen on all of them")]
    [TestCase("ftp://127.0.0.1:0", "is no address of HTTP")]
    [TestCase("https://127.0.0.1:0", "let a reverse proxy")]
    [TestCase("http://127.0.0.1:0;https://127.0.0.1:0", "let a reverse proxy")]
    [TestCase("http://localhost:0", "Give http://127.0.0.1:0")]
    [TestCase("http://127.0.0.1:99999", "Expected 0 to 65535")]
    [TestCase("http://127.0.0.1:0/model", "has a path")]
    [TestCase("http://203.0.113.1:8080", "this machine has no such address")] // of the range for documentation
    public void Serve_AddressThatCannotBe_IsOneLine(string urls, string problem) =>
        Assert.That(ToolProcess.MustFail("serve", "default", "--urls", urls), Does.StartWith("Error: ").And.Contain(problem));

    [Test]
    public void Serve_AddressInUse_IsOneLine()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();

        Assert.That(ToolProcess.MustFail("serve", "default", "--urls", $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"), Does.Contain("another program listens there"));
    }

    /// <summary>A socket's file outlives a program that was killed.</summary>
    [Test]
    [Platform(Exclude = "Win")]
    public void Serve_SocketFileThatCannotBeListenedOn_SaysWhatIsWrongWithTheFile()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"c3-{Guid.NewGuid():N}"[..12]), left = Path.Combine(folder, "s"); // such paths are short: at most 108 bytes
        Directory.CreateDirectory(folder);
        try
        {
            File.WriteAllText(left, "");

            Assert.That(ToolProcess.MustFail("serve", "default", "--urls", $"http://unix:{left}"), Does.Contain("or one that was killed has left the file").And.Contain("delete the file"));
            Assert.That(ToolProcess.MustFail("serve", "default", "--urls", $"http://unix:{folder}/none/s"), Does.Contain("there is no such folder").And.Not.Contain("0.0.0.0"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void Serve_NoSuchModel_IsOneLine() =>
        Assert.That(ToolProcess.MustFail("serve", "nowhere.onnx", "--urls", "http://127.0.0.1:0"), Does.StartWith("Error: ").And.Contain("nowhere.onnx"));

    /// <summary>Docker kills a container 10 seconds after its SIGTERM.</summary>
    [Test]
    public async Task Serve_ClientThatStallsAtTheEnd_DoesNotHoldItForLong()
    {
        using var process = ToolProcess.Start(null, TestFiles.NewFolder(), "serve", "default", "--urls", "http://127.0.0.1:0");
        try
        {
            string line;
            do
            {
                line = await process.StandardOutput.ReadLineAsync() ?? throw new AssertionException("It ended.");
            }
            while (!line.StartsWith("Serving ", StringComparison.Ordinal));

            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, int.Parse(line.Split(':')[^1].Split(';')[0], CultureInfo.InvariantCulture));
            await client.GetStream().WriteAsync("POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\nabc"u8.ToArray());
            await Task.Delay(TimeSpan.FromMilliseconds(500));
            var clock = Stopwatch.StartNew();
            process.Signal("TERM");

            Assert.That(process.WaitForExit(TimeSpan.FromMinutes(1)), "does not end");
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)), ".NET waits for 30");
            Assert.That(process.ExitCode, Is.Zero);
        }
        finally
        {
            process.Kill();
        }
    }

    [TestCase("{ broken")]
    [TestCase("""{ "Urls": "http://127.0.0.1:1", "Kestrel": { "Endpoints": { "Http": { "Url": "http://127.0.0.1:1" } } } }""")]
    public async Task Serve_SettingsOfTheFolder_ChangeNothing(string settings)
    {
        string folder = TestFiles.NewFolder();
        File.WriteAllText(Path.Combine(folder, "appsettings.json"), settings);
        using var process = ToolProcess.Start(null, folder, "serve", "default", "--urls", "http://127.0.0.1:0");
        try
        {
            string? line = await process.StandardOutput.ReadLineAsync();
            while (line?.StartsWith("info: ", StringComparison.Ordinal) == true)
            {
                line = await process.StandardOutput.ReadLineAsync();
            }

            line ??= await process.StandardError.ReadToEndAsync();
            Assert.That(line, Does.Match(@"^Serving default on http://127\.0\.0\.1:\d{2,}; Ctrl-C ends\.$"));
            string address = line.Split(" on ")[1].Split(';')[0];
            using var client = new HttpClient { Timeout = TimeSpan.FromMinutes(1) };

            using var page = await client.GetAsync($"{address}/");
            using var health = await client.GetAsync($"{address}/health");
            using var api = await client.GetAsync($"{address}/openapi/v1.json");
            using var prediction = await client.PostAsync($"{address}/predict", ServiceApp.Raw(PictureFolders.Picture(1)));

            Assert.That(new[] { page, health, api, prediction }.Select(response => response.StatusCode), Is.All.EqualTo(HttpStatusCode.OK));
        }
        finally
        {
            using var kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
            Assert.That(process.WaitForExit(TimeSpan.FromMinutes(1)), "Ctrl-C ends it");
        }
    }
}
