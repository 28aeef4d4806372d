using System.Diagnostics;
using System.Globalization;
using Microsoft.Playwright;
using Onnx;
using SkiaSharp;

namespace Cifar3.Tests;

/// <summary>The library's files in other programs, as docs/onnx.md lists them: the same classes and probabilities as here.</summary>
public sealed class OtherRuntimesTests
{
    private static readonly CnnModel Model = TestModels.Random();
    private static readonly ImageSet Images = Cifar3Data.Synthetic(trainCount: 60, testCount: 12, seed: 1).Test;

    /// <summary>onnx's reference evaluator: every operator in NumPy, as the standard says it.</summary>
    [TestCase(OnnxFlavor.Keras)]
    [TestCase(OnnxFlavor.Optimized)]
    [TestCase(OnnxFlavor.Int8)]
    public void Score_OnnxReferenceEvaluator_GivesTheSame(OnnxFlavor flavor)
    {
        string folder = Save(flavor);

        string output = PythonPeer.Run(
            """
            import sys, numpy as np, onnx
            from onnx.reference import ReferenceEvaluator
            folder, keras = sys.argv[1], sys.argv[2] == "Keras"
            x = np.fromfile(folder + "/pixels.bin", np.uint8).reshape(-1, 32, 32, 3)[:4]
            model = onnx.load(folder + "/model.onnx")
            model.opset_import[0].version = 21 if sys.argv[2] == "Int8" else 17  # onnx 1.23 has DequantizeLinear of 19 and later alone; this graph's operators mean the same in both
            model = ReferenceEvaluator(model)
            for row in model.run(None, {"input": x.astype(np.float32) / 255} if keras else {"pixels": x})[0]:
                print(*row)
            """,
            folder,
            flavor.ToString());

        AssertSame(output, 4, Tolerance(flavor));
    }

    /// <summary>OpenCV 4.6 of Debian 12 (<c>apt-get install python3-opencv</c>) reads both float flavours. It knows no DequantizeLinear over weights, so int8 is not for it.</summary>
    [TestCase(OnnxFlavor.Keras)]
    [TestCase(OnnxFlavor.Optimized)]
    public void Score_OpenCv_GivesTheSame(OnnxFlavor flavor)
    {
        string folder = Save(flavor);
        string output = Run(
            "/usr/bin/python3",
            [
                "-c",
                """
                import sys
                try:
                    import cv2, numpy as np
                except ImportError:
                    print("absent"); sys.exit()
                print("OpenCV", cv2.__version__, file=sys.stderr)
                net = cv2.dnn.readNetFromONNX(sys.argv[1] + "/model.onnx")
                for x in np.fromfile(sys.argv[1] + "/pixels.bin", np.uint8).reshape(-1, 1, 32, 32, 3):
                    net.setInput(x.astype(np.float32) / 255 if sys.argv[2] == "Keras" else x)
                    print(*net.forward()[0])
                """,
                folder,
                flavor.ToString(),
            ],
            "python3 with OpenCV (apt-get install python3-opencv)");

        AssertSame(output, Images.Count, 1e-4);
    }

    /// <summary>The page's program as it stands: Pillow makes the same 32×32 pixels of a photo, and the names are those of the file. OpenCV stands in for ONNX Runtime's package.</summary>
    [Test]
    public void Page_PythonProgram_SaysWhatTheClassifierSays()
    {
        string folder = Save(OnnxFlavor.Keras), photo = Path.Combine(folder, "photo.jpg");
        var noise = new byte[200 * 150 * 3];
        new Random(1).NextBytes(noise);
        File.WriteAllBytes(photo, TestImages.Encode(noise, 200, 150, SKEncodedImageFormat.Jpeg));
        using var classifier = Cifar3Classifier.Load(Path.Combine(folder, "model.onnx"));
        var expected = classifier.Predict(photo);

        string output = Run(
            "/usr/bin/python3",
            [
                "-c",
                """
                import sys, types
                try:
                    import cv2, PIL
                except ImportError:
                    print("absent"); sys.exit()
                class Session:
                    def __init__(self, path): self.net = cv2.dnn.readNetFromONNX(path)
                    def get_modelmeta(self): return types.SimpleNamespace(custom_metadata_map={"class_names": sys.argv[1]})
                    def run(self, outputs, feed): self.net.setInput(feed["input"]); return [self.net.forward(outputs[0])]
                sys.modules["onnxruntime"] = types.SimpleNamespace(InferenceSession=Session)

                """ + new DocPage("docs/onnx.md").Blocks("python").Single(),
                ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder, "model.onnx"))).MetadataProps.Single(entry => entry.Key == "class_names").Value,
            ],
            "python3 with OpenCV and Pillow (apt-get install python3-opencv python3-pil)",
            folder);

        string[] said = output.Trim().Split(' ');
        Assert.That(said[0], Is.EqualTo(expected.Label));
        Assert.That(double.Parse(said[1], CultureInfo.InvariantCulture), Is.EqualTo(expected.Confidence).Within(1e-4));
    }

    /// <summary>ONNX Runtime for node, the oldest that reads the files and the newest. npm downloads some hundred megabytes.</summary>
    [TestCase("1.12.1")]
    [TestCase("latest")]
    [Category(TestCategories.Slow)]
    public void Score_OnnxRuntimeNode_GivesTheSame(string version)
    {
        string packages = NodePackages.Install("onnxruntime-node", version);
        foreach (var flavor in Enum.GetValues<OnnxFlavor>())
        {
            string folder = Save(flavor);
            File.WriteAllText(
                Path.Combine(packages, "run.js"),
                """
                const ort = require('onnxruntime-node'), fs = require('fs'), [folder, flavor] = process.argv.slice(2);
                (async () => {
                  const bytes = fs.readFileSync(folder + '/pixels.bin'), shape = [bytes.length / 3072, 32, 32, 3];
                  const session = await ort.InferenceSession.create(folder + '/model.onnx');
                  const feed = flavor == 'Keras' ? { input: new ort.Tensor('float32', Float32Array.from(bytes, b => b / 255), shape) } : { pixels: new ort.Tensor('uint8', Uint8Array.from(bytes), shape) };
                  console.log(Array.from((await session.run(feed)).probabilities.data).join(' '));
                })();
                """);

            AssertSame(Run("node", ["run.js", folder, flavor.ToString()], "node", packages), Images.Count, Tolerance(flavor));
        }

        TestContext.Out.WriteLine($"onnxruntime-node {NodePackages.Version(packages, "onnxruntime-node")}");
    }

    /// <summary>ONNX Runtime compiled to WebAssembly, in a page of a real Chromium; the files come from a place that the test answers for, and no other host is asked.</summary>
    [TestCase("1.12.1")]
    [TestCase("latest")]
    [Category(TestCategories.Browser)]
    public async Task Score_OnnxRuntimeWeb_GivesTheSame(string version)
    {
        string chromium = ServicePage.Chromium(), packages = NodePackages.Install("onnxruntime-web", version), dist = Path.Combine(packages, "node_modules", "onnxruntime-web", "dist");
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = chromium, Args = ServicePage.Flags, Headless = true });
        var page = await browser.NewPageAsync();
        var elsewhere = new List<string>();
        string folder = "";
        await page.RouteAsync("**/*", async route =>
        {
            var address = new Uri(route.Request.Url);
            string name = Path.GetFileName(address.AbsolutePath), file = Path.Combine(name is "model.onnx" or "pixels.bin" ? folder : dist, name);
            if (address.Host != "cifar3.test")
            {
                elsewhere.Add(route.Request.Url);
                await route.AbortAsync();
            }
            else if (name.Length == 0)
            {
                await route.FulfillAsync(new RouteFulfillOptions { ContentType = "text/html", Body = "<!DOCTYPE html><script src=\"ort.min.js\"></script>" });
            }
            else
            {
                await route.FulfillAsync(File.Exists(file)
                    ? new RouteFulfillOptions { BodyBytes = File.ReadAllBytes(file), ContentType = Path.GetExtension(file) switch { ".js" or ".mjs" => "text/javascript", ".wasm" => "application/wasm", _ => "application/octet-stream" } }
                    : new RouteFulfillOptions { Status = 404 });
            }
        });
        await page.GotoAsync("http://cifar3.test/");

        foreach (var flavor in Enum.GetValues<OnnxFlavor>())
        {
            folder = Save(flavor);
            string output = await page.EvaluateAsync<string>(
                """
                async flavor => {
                  const get = async name => new Uint8Array(await (await fetch(name + '?' + flavor)).arrayBuffer());
                  ort.env.wasm.numThreads = 1;
                  ort.env.wasm.wasmPaths = 'http://cifar3.test/';
                  const bytes = await get('pixels.bin'), shape = [bytes.length / 3072, 32, 32, 3];
                  const session = await ort.InferenceSession.create(await get('model.onnx'), { executionProviders: ['wasm'] });
                  const feed = flavor == 'Keras' ? { input: new ort.Tensor('float32', Float32Array.from(bytes, b => b / 255), shape) } : { pixels: new ort.Tensor('uint8', bytes, shape) };
                  return Array.from((await session.run(feed)).probabilities.data).join(' ');
                }
                """,
                flavor.ToString());

            AssertSame(output, Images.Count, Tolerance(flavor));
        }

        TestContext.Out.WriteLine($"onnxruntime-web {NodePackages.Version(packages, "onnxruntime-web")} in Chromium {browser.Version}");
        Assert.That(elsewhere, Is.Empty);
    }

    private static double Tolerance(OnnxFlavor flavor) => flavor == OnnxFlavor.Int8 ? 0.02 : 1e-5;

    private static string Save(OnnxFlavor flavor)
    {
        string folder = TestFiles.NewFolder();
        Model.SaveOnnx(Path.Combine(folder, "model.onnx"), new OnnxExportOptions { Flavor = flavor, CalibrationImages = Images });
        File.WriteAllBytes(Path.Combine(folder, "pixels.bin"), Images.Pixels.ToArray());
        return folder;
    }

    private static void AssertSame(string output, int count, double tolerance)
    {
        double[] found = [.. output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
        using var classifier = Cifar3Classifier.FromModel(Model);
        double[] expected = [.. classifier.PredictPixelsBatch(Images.Pixels[..(count * CnnArchitecture.ImageBytes)]).SelectMany(prediction => prediction.Probabilities).Select(p => (double)p)];
        double worst = EngineComparison.Farthest(found, expected);
        TestContext.Out.WriteLine(FormattableString.Invariant($"{count} images, probabilities differ by up to {worst:e1}"));
        Assert.That(found, Has.Length.EqualTo(expected.Length));
        Assert.That(worst, Is.LessThan(tolerance));
    }

    private static string Run(string program, string[] arguments, string what, string? folder = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder ?? "" };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Assert.Ignore($"This test needs {what}: {e.Message}.");
            throw;
        }

        using (process)
        {
            var errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.That(process.ExitCode, Is.Zero, () => $"{program} failed: {errors.Result}\n{output}");
            if (output.Trim() == "absent") // what Python programs say without their packages
            {
                Assert.Ignore($"This test needs {what}.");
            }

            return output;
        }
    }
}
