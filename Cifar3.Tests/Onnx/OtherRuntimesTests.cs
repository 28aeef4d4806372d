using System.Diagnostics;
using System.Globalization;

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

        AssertSame(output, 4, flavor == OnnxFlavor.Int8 ? 0.02 : 1e-5);
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

    /// <summary>ONNX Runtime for node, the oldest that reads the files and the newest. Takes minutes: npm downloads some hundred megabytes.</summary>
    [TestCase("1.12.1")]
    [TestCase("latest")]
    [Category(TestCategories.Slow)]
    public void Score_OnnxRuntimeNode_GivesTheSame(string version)
    {
        string folder = Save(OnnxFlavor.Keras);
        File.WriteAllText(Path.Combine(folder, "package.json"), "{}");
        File.WriteAllText(
            Path.Combine(folder, "run.js"),
            """
            const ort = require('onnxruntime-node'), fs = require('fs');
            (async () => {
              const bytes = fs.readFileSync('pixels.bin'), n = bytes.length / 3072;
              const session = await ort.InferenceSession.create('model.onnx');
              const result = await session.run({ input: new ort.Tensor('float32', Float32Array.from(bytes, b => b / 255), [n, 32, 32, 3]) });
              const p = result.probabilities.data;
              for (let i = 0; i < n; i++) console.log(p[3 * i], p[3 * i + 1], p[3 * i + 2]);
            })();
            """);
        Run("npm", ["install", "--no-audit", "--no-fund", "--silent", $"onnxruntime-node@{version}"], "npm", folder);

        AssertSame(Run("node", ["run.js"], "node", folder), Images.Count, 1e-5);
    }

    private static string Save(OnnxFlavor flavor)
    {
        string folder = TestFiles.NewFolder();
        Model.SaveOnnx(Path.Combine(folder, "model.onnx"), new OnnxExportOptions { Flavor = flavor, CalibrationImages = Images });
        File.WriteAllBytes(Path.Combine(folder, "pixels.bin"), Images.Pixels.ToArray());
        return folder;
    }

    private static void AssertSame(string output, int count, double tolerance)
    {
        if (output.Trim() == "absent")
        {
            Assert.Ignore("OpenCV for Python is absent: apt-get install python3-opencv.");
        }

        double[] found = [.. output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
        using var classifier = Cifar3Classifier.FromModel(Model);
        double[] expected = [.. classifier.PredictPixelsBatch(Images.Pixels[..(count * CnnArchitecture.ImageBytes)]).SelectMany(prediction => prediction.Probabilities).Select(p => (double)p)];
        double worst = found.Zip(expected, (a, b) => Math.Abs(a - b)).Max();
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
            return output;
        }
    }
}
