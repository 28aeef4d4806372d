namespace Cifar3.Tests;

/// <summary>Where the optional test material lies; a test that needs what is absent is skipped with the reason.</summary>
internal static class TestFiles
{
    private static readonly Lazy<bool> Links = new(TryLink);

    /// <summary>Whether symbolic links can be made: on Windows administrators may, and everybody in its developer mode.</summary>
    public static bool CanLink => Links.Value;

    /// <summary>The folder of real images named by CIFAR3_DATA (train/&lt;class&gt;/*, test/&lt;class&gt;/*).</summary>
    public static string RealImages() => Required("CIFAR3_DATA", "real CIFAR images");

    /// <summary>A file in the folder of Keras' own results named by CIFAR3_GOLDEN.</summary>
    public static string Golden(string file)
    {
        string path = Path.Combine(Required("CIFAR3_GOLDEN", "files written by real Keras"), file);
        Assume.That(File.Exists(path), $"CIFAR3_GOLDEN has no '{file}'.");
        return path;
    }

    /// <summary>The folder of Python packages (Keras, onnx) named by CIFAR3_PEERS.</summary>
    public static string Peers() => Required("CIFAR3_PEERS", "a folder of Python packages with Keras and onnx");

    /// <summary>A new empty folder below the test run's work folder, removed by the next run.</summary>
    public static string NewFolder()
    {
        string path = Path.Combine(Path.GetTempPath(), "cifar3-tests", $"{TestContext.CurrentContext.Test.ID}-{Guid.NewGuid():N}");
        Directory.CreateDirectory(path);
        return path;
    }

    /// <summary>Makes a symbolic link to a file or folder, there or not; a test is skipped where that cannot be.</summary>
    public static void Link(string path, string target)
    {
        Assume.That(CanLink, "This test makes symbolic links, which Windows allows in its developer mode (and Wine 8 has none).");
        _ = Directory.Exists(Path.Combine(Path.GetDirectoryName(path)!, target)) ? Directory.CreateSymbolicLink(path, target) : File.CreateSymbolicLink(path, target);
    }

    /// <summary>
    /// A file that a link upwards leads to, in a folder that is behind a link itself (a release's folder and what releases share, a snapshot of Hugging Face's cache and its blobs):
    /// taken by its text alone, the link leads elsewhere.
    /// </summary>
    /// <returns>The path to use, and the file that it leads to, which is not there yet.</returns>
    public static (string Path, string Shared) SharedBehindLinks(string name)
    {
        string root = NewFolder(), release = Directory.CreateDirectory(Path.Combine(root, "app", "releases", "42")).FullName, shared = Directory.CreateDirectory(Path.Combine(root, "app", "shared")).FullName;
        Directory.CreateDirectory(Path.Combine(root, "shared")); // where its text alone leads
        Link(Path.Combine(root, "app", "current"), release);
        Link(Path.Combine(release, name), Path.Combine("..", "..", "shared", name));
        return (Path.Combine(root, "app", "current", name), Path.Combine(shared, name));
    }

    private static bool TryLink()
    {
        string path = Path.Combine(Path.GetTempPath(), $"cifar3-link-{Guid.NewGuid():N}");
        try
        {
            File.CreateSymbolicLink(path, "nowhere");
            return new FileInfo(path).LinkTarget is not null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Required(string variable, string what)
    {
        string? path = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrEmpty(path))
        {
            Assert.Ignore($"{variable} is not set: this test needs {what}.");
        }

        if (!Directory.Exists(path))
        {
            Assert.Fail($"{variable} names a folder that does not exist: '{path}'.");
        }

        return path!;
    }
}
