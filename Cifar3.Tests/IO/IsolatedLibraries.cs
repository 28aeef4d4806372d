using System.Reflection;
using System.Runtime.Loader;

namespace Cifar3.Tests;

/// <summary>A program with other native libraries, played by a second copy of this library and of the assembly that wraps the native one.</summary>
/// <param name="wrapper">That assembly's name.</param>
/// <param name="loadNative">What loading a native library gives there.</param>
/// <param name="user">Another assembly that uses the wrapper, copied too. Default: none.</param>
internal sealed class IsolatedLibraries(string wrapper, Func<string, IntPtr> loadNative, string? user = null) : AssemblyLoadContext(isCollectible: false)
{
    /// <summary>A type of this library's second copy.</summary>
    public Type Copy(Type type) => LoadFromAssemblyPath(type.Assembly.Location).GetType(type.FullName!)!;

    protected override Assembly? Load(AssemblyName name) => name.Name == wrapper || name.Name == user ? LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, $"{name.Name}.dll")) : null;

    protected override IntPtr LoadUnmanagedDll(string name) => loadNative(name);
}
