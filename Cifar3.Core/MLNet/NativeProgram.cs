using System.Runtime.CompilerServices;

namespace Cifar3;

/// <summary>Programs compiled to native code (<c>PublishAot</c>): much of ML.NET finds its own code by reflection there, and does not find it.</summary>
internal static class NativeProgram
{
    /// <summary>Calls ML.NET.</summary>
    /// <param name="failure">What cannot be done where that fails: the beginning of the error.</param>
    /// <param name="call">The call.</param>
    /// <exception cref="Cifar3Exception">The program is native, and ML.NET lacks code in it.</exception>
    public static T CallMlNet<T>(string failure, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (NotSupportedException e) when (!RuntimeFeature.IsDynamicCodeSupported)
        {
            throw new Cifar3Exception($"{failure}: this program is compiled to native code, where ML.NET does not find all of its own. Expected a program that .NET compiles while it runs. Publish it with '-p:PublishAot=false'; a program of one file says '#:property PublishAot=false'. Found: {Shown.Text(e.Message.TrimEnd('.'))}.", e);
        }
    }
}
