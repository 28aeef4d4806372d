using System.Globalization;
using System.Text.RegularExpressions;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace Cifar3.Tests;

/// <summary>Runs tests without the SDK: those of another system's build, under an emulator (CONTRIBUTING, "Other systems").</summary>
internal static class TestsInProcess
{
    /// <summary>Runs the tests whose full names match, but for the categories that a plain run leaves out; gives the exit code.</summary>
    public static int Run(string pattern)
    {
        AppContext.SetSwitch("Switch.System.Reflection.ForceEmitInvoke", true); // Wine 8: no exception gets through the native code that reflection otherwise calls by
        var listener = new Listener(Console.Out);
        var runner = new NUnitTestAssemblyRunner(new DefaultTestAssemblyBuilder());
        runner.Load(typeof(TestsInProcess).Assembly, new Dictionary<string, object> { ["NumberOfTestWorkers"] = 0 });
        runner.Run(listener, new NameFilter(new Regex(pattern)));
        return listener.Close();
    }

    private sealed class NameFilter(Regex name) : TestFilter
    {
        public override bool Match(ITest test) => !test.IsSuite && name.IsMatch(test.FullName) && !IsLeftOut(test);

        public override bool Pass(ITest test, bool negated) => test.IsSuite ? test.Tests.Any(inner => Pass(inner, negated)) : Match(test);

        public override bool IsExplicitMatch(ITest test) => false;

        public override TNode AddToXml(TNode parentNode, bool recursive) => parentNode;

        private static bool IsLeftOut(ITest? test) => test is not null &&
            (test.Properties["Category"].Cast<object>().Any(category => category is TestCategories.Packages or TestCategories.Browser or TestCategories.Gpu or TestCategories.Slow) || IsLeftOut(test.Parent));
    }

    /// <summary>A line a test as it ends; the name of one that never ends stands before.</summary>
    private sealed class Listener(TextWriter console) : ITestListener
    {
        private int passed, failed, skipped;

        public void TestStarted(ITest test)
        {
            if (!test.IsSuite)
            {
                Say($"> {test.FullName}");
            }
        }

        public void TestFinished(ITestResult result)
        {
            bool isSetUp = result.Test.IsSuite && result.ResultState.Site is FailureSite.SetUp or FailureSite.TearDown;
            if (result.Test.IsSuite && !isSetUp)
            {
                return;
            }

            _ = result.ResultState.Status switch { TestStatus.Passed or TestStatus.Warning => passed++, TestStatus.Failed => failed++, _ => skipped++ };
            Say(string.Create(CultureInfo.InvariantCulture, $"{result.ResultState.Status} {result.FullName} [{result.Duration:F1} s] {result.Message}{(result.ResultState.Status == TestStatus.Failed ? $"\n{result.StackTrace}" : "")}"));
        }

        public void TestOutput(TestOutput output)
        {
        }

        public void SendMessage(TestMessage message)
        {
        }

        public int Close()
        {
            Say(FormattableString.Invariant($"{passed} passed, {failed} failed, {skipped} skipped"));
            return failed == 0 && passed > 0 ? 0 : 1;
        }

        private void Say(string line)
        {
            console.WriteLine(line);
            console.Flush();
        }
    }
}
