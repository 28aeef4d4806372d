namespace Cifar3;

/// <summary>
/// Decides from what runs of stages took whether the next is shared with a helper: where other programs keep the helper from its processor, or calls come
/// so seldom that it is asleep each time, a caller is faster alone.
/// </summary>
/// <remarks>
/// The first 16 runs are alone and give the time to beat. A shared run that takes nine tenths of it or longer counts against sharing, a faster one for it;
/// eight more against than for, or a helper that was held up in the middle of a piece, and the next 16 runs are alone, then 32, at most 1,024; each good one takes one off.
/// Times that last long are the system's doing: the time to beat follows its runs by a thirty-second, whatever they took. One thread at a time.
/// </remarks>
internal sealed class StageSharing
{
    private const int FewestAlone = 16, MostAlone = 1_024, MostAgainst = 8;

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
        against = good ? Math.Max(0, against - 1) : heldUp ? MostAgainst : against + 1;
        nextAlone = good ? Math.Max(FewestAlone, nextAlone - 1) : nextAlone;
        if (against >= MostAgainst)
        {
            (runsAlone, against) = (nextAlone, 0);
            nextAlone = Math.Min(MostAlone, 2 * nextAlone);
        }
    }
}
