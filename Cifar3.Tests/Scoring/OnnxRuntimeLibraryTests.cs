using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.ML;

namespace Cifar3.Tests;

/// <summary>A program without ONNX Runtime's native library, or with a wrong one, played by a second copy of the libraries in a context of its own.</summary>
public sealed class OnnxRuntimeLibraryTests
{
    [Test]
    public void Load_LibraryMissing_NamesThePackage()
    {
        var error = FailIn(new IsolatedLibraries("Microsoft.ML.OnnxRuntime", name => throw new DllNotFoundException($"Unable to load shared library '{name}'\n/app/libonnxruntime.so: no such file")));

        Assert.That(error.GetType().Name, Is.EqualTo(nameof(Cifar3Exception)));
        Assert.That(error.Message, Does.Contain("native library is missing").And.Contain("Add the package Microsoft.ML.OnnxRuntime 1.").And.Contain("/app/libonnxruntime.so: no such file"));
        Assert.That(error.Message, Does.Not.Contain("\n"));
    }

    /// <summary>A Mac with an Intel processor and the package <c>Cifar3</c>: adding what it brings already would not help.</summary>
    [TestCase("osx-x64")]
    [TestCase("win-x86")]
    [TestCase("linux-arm")]
    public void Remedy_SystemWithoutABuild_SaysSoAndAdvisesNoPackage(string system)
    {
        Assert.That(OnnxRuntimeLibrary.Remedy(system), Does.Contain($"no build for {system}").And.Contain("osx-arm64").And.Contain("ScoringBackend.Managed").And.Not.Contain("Add the package"));
    }

    [Test]
    public void Systems_AreThoseOfThePackage()
    {
        var builds = Directory.GetDirectories(Path.Combine(AppContext.BaseDirectory, "runtimes")).Where(folder => Directory.Exists(Path.Combine(folder, "native")) && Directory.EnumerateFiles(Path.Combine(folder, "native")).Any(file => Path.GetFileName(file) is "onnxruntime.dll" or "libonnxruntime.so" or "libonnxruntime.dylib"));

        Assert.That(builds.Select(Path.GetFileName), Is.EquivalentTo(OnnxRuntimeLibrary.Systems));
    }

    /// <summary>On a system with another C library, or without C++'s: the package is there, and adding it again would not help.</summary>
    [Test]
    [NonParallelizable]
    public void Load_LibraryThatTheSystemCannotLoad_SaysWhyAndNotThatItIsMissing()
    {
        const string Searched = "NATIVE_DLL_SEARCH_DIRECTORIES";
        string folder = TestFiles.NewFolder();
        File.WriteAllText(Path.Combine(folder, OperatingSystem.IsWindows() ? "onnxruntime.dll" : OperatingSystem.IsMacOS() ? "libonnxruntime.dylib" : "libonnxruntime.so"), "no library");
        object? before = AppContext.GetData(Searched);
        AppContext.SetData(Searched, folder);
        try
        {
            var error = FailIn(new IsolatedLibraries("Microsoft.ML.OnnxRuntime", name => throw new DllNotFoundException($"Unable to load shared library '{name}'")));

            Assert.That(error.GetType().Name, Is.EqualTo(nameof(Cifar3Exception)));
            Assert.That(error.Message, Does.StartWith("Cannot score: ONNX Runtime's native library is there and cannot be loaded. Expected that ").And.Contain(folder).And.Contain("ScoringBackend.Managed"));
            Assert.That(error.Message, Does.Not.Contain("\n").And.Not.Contain("missing").And.Not.Contain("Add the package"));
        }
        finally
        {
            AppContext.SetData(Searched, before);
        }
    }

    [Test]
    public void Load_AnotherLibraryOfThatName_SaysThatItDoesNotFit()
    {
        var error = FailIn(new IsolatedLibraries("Microsoft.ML.OnnxRuntime", _ => NativeLibrary.GetMainProgramHandle())); // has no OrtGetApiBase

        Assert.That(error.GetType().Name, Is.EqualTo(nameof(Cifar3Exception)));
        Assert.That(error.Message, Does.Contain("does not fit").And.Contain("OrtGetApiBase").And.Contain("not both"));
    }

    /// <summary>What trains and scores with the managed kernels alone needs ONNX Runtime all the same once ML.NET's own transformers are made of it.</summary>
    [Test]
    public void SaveChain_LibraryMissing_NamesThePackage()
    {
        var context = new IsolatedLibraries("Microsoft.ML.OnnxRuntime", name => throw new DllNotFoundException($"Unable to load shared library '{name}'\n/app/libonnxruntime.so: no such file"));
        object model = context.Copy(typeof(CnnModel)).GetMethod(nameof(CnnModel.LoadDefault))!.Invoke(null, null)!;
        var apply = context.Copy(typeof(Cifar3TransformsCatalog)).GetMethods().Single(m => m.Name == nameof(Cifar3TransformsCatalog.ApplyCifar3) && m.GetParameters()[1].ParameterType == model.GetType());
        var mlContext = new MLContext();
        var view = Cifar3Data.Synthetic(trainCount: 3, testCount: 3).Test.ToDataView();
        object estimator = apply.Invoke(null, [mlContext.Transforms, model, .. apply.GetParameters()[2..].Select(p => p.Name == "featureColumnName" ? ImageSet.PixelsColumn : p.DefaultValue)])!;
        var transformer = (ITransformer)estimator.GetType().GetMethod("Fit")!.Invoke(estimator, [view])!;

        var error = Assert.Catch(() => mlContext.Model.Save(transformer, view.Schema, Stream.Null));

        Assert.That(error!.GetType().Name, Is.EqualTo(nameof(Cifar3Exception)));
        Assert.That(error.Message, Does.StartWith("Cannot save the chain, in which ML.NET's ApplyOnnxModel scores: ONNX Runtime's native library is missing.").And.Contain("Add the package Microsoft.ML.OnnxRuntime 1."));
    }

    /// <summary>Left to itself, ONNX Runtime stores a number for the machine in the user's cache and sends its maker what processor and system it is.</summary>
    [Test]
    [Platform(Exclude = "Win")]
    public void Load_InANewProcess_TellsNobodyOfTheMachine([Values("score", "zip")] string use)
    {
        string home = TestFiles.NewFolder(), model = Path.Combine(home, "model.onnx");
        TestModels.Random(2, [1, 1, 1]).SaveOnnx(model);

        ChildProgram.Run(use == "zip" ? ["zip", Path.Combine(home, "model.zip")] : [model, "OnnxRuntime"], [("HOME", home), ("XDG_CACHE_HOME", "")]);

        Assert.That(Directory.EnumerateFiles(home, "*", SearchOption.AllDirectories).Where(file => file.Contains("onnxruntime", StringComparison.OrdinalIgnoreCase)), Is.Empty);
    }

    private static Exception FailIn(IsolatedLibraries context)
    {
        var type = context.Copy(typeof(Cifar3Classifier));
        var load = type.GetMethods().Single(m => m.Name == nameof(Cifar3Classifier.Load) && m.GetParameters()[0].ParameterType == typeof(byte[]));
        byte[] onnx = TestModels.Random(2, [1, 1, 1]).ToOnnxBytes(new OnnxExportOptions { Flavor = OnnxFlavor.Optimized }); // only ONNX Runtime scores it

        return Assert.Throws<TargetInvocationException>(() => load.Invoke(null, [onnx, null]))!.InnerException!;
    }
}
