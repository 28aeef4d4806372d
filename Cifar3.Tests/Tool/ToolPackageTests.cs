using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Cifar3.Tests;

/// <summary>What a user of the tool does first, in an empty folder: install it from a feed, train, report, predict, export, serve.</summary>
[Category(TestCategories.Slow)] // packs everything and installs the tool: minutes of dotnet in other processes
public sealed class ToolPackageTests
{
    [Test]
    public async Task ToolInstall_EmptyFolder_TrainsReportsPredictsExportsAndServes()
    {
        string folder = TestFiles.NewFolder(), pictures = QuickstartProcess.CreateImageFolders(trainImages: 40), picture = Path.Combine(pictures, "test", "nut", "0000.png");
        File.WriteAllText(Path.Combine(folder, "nuget.config"), $"""
            <configuration>
              <packageSources>
                <clear />
                <add key="cifar3" value="{PackageFeed.Folder}" />
              </packageSources>
            </configuration>
            """);
        try
        {
            DotnetCommand.Must(folder, "tool", "install", "Cifar3.Tool", "--version", PackageFeed.Version, "--tool-path", Path.Combine(folder, "tools"));
            string trained = Tool("train", pictures, "--out", "run", "--engine", "Managed");
            string evaluated = Tool("evaluate", "run/model.onnx", Path.Combine(pictures, "test"));
            Tool("report", "run", "--out", "again.html");
            string predicted = Tool("predict", "run/model.onnx", picture, "--json");
            Tool("export", "run/model.onnx", "--flavor", "optimized", "--out", "fast.onnx");
            Tool("export", "run/model.onnx", "--triton", "repository");

            Assert.That(trained, Does.Contain("Report: "));
            var accuracy = Regex.Match(evaluated, @"[Aa]ccuracy\D*([.\d]+)( ?%)?");
            Assert.That(double.Parse(accuracy.Groups[1].Value, CultureInfo.InvariantCulture) / (accuracy.Groups[2].Success ? 100 : 1), Is.GreaterThan(0.9), "two easy classes, chance is .5: " + evaluated);
            Assert.That(File.ReadAllText(Path.Combine(folder, "again.html")), Does.Contain("Confusion matrix"));
            using var fast = Cifar3Classifier.Load(Path.Combine(folder, "fast.onnx"));
            Assert.That(JsonDocument.Parse(predicted).RootElement.GetProperty("label").GetString(), Is.EqualTo(fast.Predict(picture).Label));
            Assert.That(File.Exists(Path.Combine(folder, "repository", "cifar3", "1", "model.onnx")));
            await ServeAsync(picture, fast.Predict(picture).Label);
        }
        finally
        {
            Directory.Delete(folder, recursive: true); // the tool brings ONNX Runtime for every platform
        }

        string Tool(params string[] arguments)
        {
            using var process = Start(arguments);
            var error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.That(process.ExitCode, Is.Zero, output + error.Result);
            return output;
        }

        async Task ServeAsync(string picture, string label)
        {
            using var process = Start("serve", "run/model.onnx", "--urls", "http://127.0.0.1:0");
            string line = await process.StandardOutput.ReadLineAsync() ?? "";
            while (line.Length > 0 && !line.StartsWith("Serving ", StringComparison.Ordinal))
            {
                line = await process.StandardOutput.ReadLineAsync() ?? "";
            }

            string address = line.Split(" on ")[1].Split(';')[0];
            using var client = new HttpClient();
            using var response = await client.PostAsync($"{address}/predict", ServiceApp.Raw(File.ReadAllBytes(picture)));
            Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain($"\"label\":\"{label}\""));
            using var kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
            Assert.That(process.WaitForExit(TimeSpan.FromMinutes(1)), "Ctrl-C ends it");
            Assert.That(process.ExitCode, Is.Zero);
        }

        Process Start(params string[] arguments)
        {
            string[] command = [.. OperatingSystem.IsLinux() ? ["env", "--default-signal=INT"] : Array.Empty<string>(), Path.Combine(folder, "tools", "cifar3"), .. arguments];
            var start = new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment.Remove("CI");
            return Process.Start(start)!;
        }
    }
}
