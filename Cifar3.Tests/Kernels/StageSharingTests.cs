namespace Cifar3.Tests;

/// <summary>When a caller shares its runs with a helper: told in numbers, no clock.</summary>
internal sealed class StageSharingTests
{
    [Test]
    public void Begin_SharedRunsAreFaster_StaysShared()
    {
        var sharing = new StageSharing();

        Assert.That(Run(sharing, 1000, alone: 100, together: 60), Is.EqualTo(1000 - 16), "all but the first 16");
    }

    [Test]
    public void Begin_FirstRunCompiles_IsNoTimeToBeat()
    {
        var sharing = new StageSharing();
        sharing.Begin();
        sharing.End(shared: false, heldUp: false, 100_000);
        Run(sharing, 15, alone: 100, together: 0);

        Assert.That(Run(sharing, 1000, alone: 100, together: 120), Is.LessThan(100), "runs of 120 are no gain over 100");
    }

    [TestCase(95)]
    [TestCase(100)]
    [TestCase(500)]
    public void Begin_SharedRunsAreNoFaster_AreFewAndFewer(int together)
    {
        var sharing = new StageSharing();
        int first = Run(sharing, 1000, alone: 100, together), second = Run(sharing, 10_000, alone: 100, together);

        Assert.That(first, Is.InRange(2, 80));
        Assert.That(second, Is.InRange(2, 320));
    }

    [Test]
    public void Begin_OtherProgramsCome_StopsSharingAndBeginsAgainWhenTheyGo()
    {
        var sharing = new StageSharing();
        Run(sharing, 100, alone: 100, together: 60);
        int busy = Run(sharing, 2000, alone: 150, together: 400), after = Run(sharing, 4000, alone: 100, together: 60);

        Assert.That(busy, Is.LessThan(120));
        Assert.That(after, Is.GreaterThan(2500));
    }

    [Test]
    public void Begin_HelperIsAwayForAWhile_IsAskedAgainWithin256Runs()
    {
        var sharing = new StageSharing();
        Run(sharing, 5000, alone: 100, together: 300);

        int after = Run(sharing, 1000, alone: 100, together: 60);

        Assert.That(after, Is.GreaterThanOrEqualTo(1000 - 256));
    }

    [TestCase(120, 8)]
    [TestCase(300, 2)]
    public void Begin_SharedRunsTakeLonger_EndsTheSoonerTheLongerTheyTake(int together, int runs)
    {
        var sharing = new StageSharing();
        Run(sharing, 16, alone: 100, together);

        Assert.That(Run(sharing, 16, alone: 100, together), Is.EqualTo(runs));
    }

    [Test]
    public void End_HelperHeldUpTwice_TheNextSixteenAreAlone()
    {
        var sharing = new StageSharing();
        Run(sharing, 100, alone: 100, together: 60);
        for (int i = 0; i < 2; i++)
        {
            Assert.That(sharing.Begin(), Is.True);
            sharing.End(shared: true, heldUp: true, 10_000);
        }

        Assert.That(Run(sharing, 16, alone: 100, together: 60), Is.Zero);
        Assert.That(sharing.Begin(), Is.True);
    }

    private static int Run(StageSharing sharing, int runs, int alone, int together)
    {
        int count = 0;
        for (int i = 0; i < runs; i++)
        {
            bool shared = sharing.Begin();
            count += shared ? 1 : 0;
            sharing.End(shared, heldUp: false, shared ? together : alone);
        }

        return count;
    }
}
