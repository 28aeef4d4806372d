namespace Cifar3.Tests;

/// <summary>
/// The golden steps by TensorFlow's own kernels, in a process of its own: those of oneDNN, which it takes by default, add in an order that depends on the processor.
/// </summary>
[Category(TestCategories.Numerics)]
public sealed class TensorFlowsOwnKernelsTests : TensorFlowTestBase
{
    [Test]
    public void TrainStep_WithoutOneDnn_IsKerasStepInDouble()
    {
        using (GoldenFile.Open())
        {
            // skips where there are no golden files
        }

        string[] said = ChildProgram.Run(["tests", @"GoldenEngineTests\(""TensorFlow""\)\." + nameof(GoldenEngineTests.TrainStep_FromKerasState_IsKerasStepInDouble)], [("TF_ENABLE_ONEDNN_OPTS", "0")]);

        Assert.That(said[^1], Is.EqualTo("2 passed, 0 failed, 0 skipped"), string.Join('\n', said));
    }
}
