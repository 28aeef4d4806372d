using System.Reflection;
using System.Runtime.Loader;

namespace Cifar3.Tests;

/// <summary>A program with other native libraries, played by a second copy of this library and of the assembly that wraps the native one.</summary>
/// <param name="wrapper">That assembly's name.</param>
/// <param name="loadNative">What loading a native library gives there.</param>
internal sealed class IsolatedLibraries(string wrapper, Func<string, IntPtr> loadNative) : AssemblyLoadContext(isCollectible: false)
{
    /// <summary>A type of this library's second copy.</summary>
    public Type Copy(Type type) => LoadFromAssemblyPath(type.Assembly.Location).GetType(type.FullName!)!;

    protected override Assembly? Load(AssemblyName name) => name.Name == wrapper ? LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, $"{wrapper}.dll")) : null;

    protected override IntPtr LoadUnmanagedDll(string name) => loadNative(name);
}
