namespace Cifar3;

/// <summary>
/// Decides from what runs of stages took whether the next is shared with a helper: where other programs keep the helper from its processor, or calls come
/// so seldom that it is asleep each time, a caller is faster alone.
/// </summary>
/// <remarks>
/// The first 16 runs are alone and give the time to beat. A shared run that takes nine tenths of it or longer counts against sharing, a faster one for it. One that takes
/// 1.4 times as long, or whose helper was held up in the middle of a piece, counts as four: eight more against than for, and the next 16 runs are alone, then 32, at most 256; each good one takes one off.
/// More would last longer than what keeps a helper away: on a quiet machine with a most of 1,024, half of the spells of 3,000 images had no helper. Trials cost a caller whose
/// other processor stays busy about 2 %.
/// Times that last long are the system's doing: the time to beat follows its runs by a thirty-second, whatever they took. One thread at a time.
/// </remarks>
internal sealed class StageSharing
{
    private const int FewestAlone = 16, MostAlone = 256, MostAgainst = 8, MuchSlower = 4;

    private int runsAlone = FewestAlone, nextAlone = FewestAlone, against;
    private double alone; // about what a run takes alone

    /// <summary>Begins a run; whether it is shared.</summary>
    public bool Begin()
    {
        bool shared = runsAlone == 0;
        runsAlone -= shared ? 0 : 1;
        return shared;
    }

    /// <summary>Ends a run.</summary>
    /// <param name="shared">Whether a helper took part, or was to.</param>
    /// <param name="heldUp">Whether the caller had to wait for one that made no progress.</param>
    /// <param name="time">What it took, in any unit.</param>
    public void End(bool shared, bool heldUp, long time)
    {
        if (!shared)
        {
            // The first runs compile: what is twice as fast counts at once.
            alone = alone == 0 || time < alone / 2 ? time : alone + Math.CopySign(alone / 32, time - alone);
            return;
        }

        bool good = !heldUp && time < alone * 0.9;
        against = good ? Math.Max(0, against - 1) : against + (heldUp || time > alone * 1.4 ? MuchSlower : 1);
        nextAlone = good ? Math.Max(FewestAlone, nextAlone - 1) : nextAlone;
        if (against >= MostAgainst)
        {
            (runsAlone, against) = (nextAlone, 0);
            nextAlone = Math.Min(MostAlone, 2 * nextAlone);
        }
    }
}
