using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace Cifar3.Tests;

/// <summary>Packages of npm, each version in a folder of its own, kept between test runs.</summary>
internal static class NodePackages
{
    /// <summary>Installs a package without running its scripts; skips the test where npm or the registry is absent.</summary>
    /// <param name="package">Its name.</param>
    /// <param name="version">Its version, or <c>latest</c>.</param>
    /// <returns>The folder with <c>node_modules</c>.</returns>
    public static string Install(string package, string version)
    {
        string folder = Path.Combine(Path.GetTempPath(), "cifar3-npm", $"{package}-{version}");
        if (version != "latest" && File.Exists(Manifest(folder, package)))
        {
            return folder;
        }

        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "package.json"), "{}");
        var start = new ProcessStartInfo("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", $"{package}@{version}"]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            Assert.Ignore($"This test needs npm: {e.Message}.");
            throw;
        }

        using (process)
        {
            var errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0 && !errors.Result.Contains("ETARGET", StringComparison.Ordinal) && !errors.Result.Contains("E404", StringComparison.Ordinal))
            {
                Assert.Ignore($"npm cannot fetch {package}@{version}: {errors.Result.Trim().Split('\n')[0]}");
            }

            Assert.That(process.ExitCode, Is.Zero, $"{errors.Result}\n{output}");
        }

        return folder;
    }

    /// <summary>The version that is installed.</summary>
    public static string Version(string folder, string package)
    {
        using var manifest = JsonDocument.Parse(File.ReadAllText(Manifest(folder, package)));
        return manifest.RootElement.GetProperty("version").GetString()!;
    }

    private static string Manifest(string folder, string package) => Path.Combine(folder, "node_modules", package, "package.json");
}
