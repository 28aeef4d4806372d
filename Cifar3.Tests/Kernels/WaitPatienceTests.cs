namespace Cifar3.Tests;

/// <summary>Long looks while they pay, brief ones after looks in vain, for longer the more there were.</summary>
public sealed class WaitPatienceTests
{
    [Test]
    public void Rounds_WhatIsAwaitedComes_StayLong()
    {
        var patience = new WaitPatience(1000, 40);

        for (int wait = 0; wait < 100; wait++)
        {
            Assert.That(patience.Rounds, Is.EqualTo(1000));
            patience.End(found: true);
        }
    }

    [Test]
    public void Rounds_AlwaysInVain_AreLongEverMoreRarely()
    {
        var patience = new WaitPatience(1000, 40);

        Assert.That(LongWaits(ref patience, 3000, (_, _) => false), Is.EqualTo(new[] { 0, 21, 62, 143, 304, 625, 1266, 1907, 2548 }));
    }

    /// <summary>A brief look that finds nothing is no reason to stay brief, one that finds something none to be long at once.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void Rounds_OnceInVain_AreBriefForTwentyWaits(bool briefFinds)
    {
        var patience = new WaitPatience(1000, 40);

        Assert.That(LongWaits(ref patience, 24, (wait, rounds) => rounds == 40 ? briefFinds : wait > 0), Is.EqualTo(new[] { 0, 21, 22, 23 }));
    }

    [Test]
    public void Rounds_FoundAgain_ForgetWhatWasInVain()
    {
        var patience = new WaitPatience(1000, 40);
        LongWaits(ref patience, 144, (wait, _) => wait == 143);

        Assert.That(LongWaits(ref patience, 30, (_, _) => false), Is.EqualTo(new[] { 0, 21 }));
    }

    [TestCase(0, 0)]
    [TestCase(30, 30)]
    public void Rounds_NoLongerThanTheBriefOnes_NeverChange(int rounds, int expected)
    {
        var patience = new WaitPatience(rounds, 40);
        patience.End(found: false);

        Assert.That(patience.Rounds, Is.EqualTo(expected));
    }

    private static int[] LongWaits(ref WaitPatience patience, int waits, Func<int, int, bool> finds)
    {
        List<int> found = [];
        for (int wait = 0; wait < waits; wait++)
        {
            int rounds = patience.Rounds;
            if (rounds == 1000)
            {
                found.Add(wait);
            }

            patience.End(finds(wait, rounds));
        }

        return [.. found];
    }
}
