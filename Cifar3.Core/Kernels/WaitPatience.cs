namespace Cifar3;

/// <summary>
/// How long a thread looks for what another one is about to finish, before it sleeps: long, because to sleep and to be woken costs more, unless looking has been in vain.
/// </summary>
/// <remarks>
/// It is in vain where other programs have the processors: the awaited thread does not run, and who looks for it takes a processor from it too. Beside a dozen busy programs four fifths of a
/// training's processor time went there. After a look in vain the next <see cref="Fewest"/> waits are brief, a step's worth, after the next twice as many, up to <see cref="Most"/>.
/// One thread's; a field or a local, never copied.
/// </remarks>
/// <param name="rounds">Rounds of a long look; 0 = none.</param>
/// <param name="briefRounds">Rounds of a brief one.</param>
internal struct WaitPatience(int rounds, int briefRounds)
{
    /// <summary>Waits that are brief after a first look in vain.</summary>
    public const int Fewest = 20;

    /// <summary>The most of them, after several.</summary>
    public const int Most = 640;

    private readonly int brief = Math.Min(rounds, briefRounds);
    private int briefWaits, next = Fewest;

    /// <summary>Rounds to look in the wait that begins.</summary>
    public readonly int Rounds => briefWaits > 0 ? brief : rounds;

    /// <summary>Ends a wait.</summary>
    /// <param name="found">Whether what was awaited came while the thread looked.</param>
    public void End(bool found)
    {
        if (briefWaits > 0)
        {
            briefWaits--; // a brief look in vain tells nothing of a long one
            return;
        }

        (briefWaits, next) = found ? (0, Fewest) : (next, Math.Min(2 * next, Most));
    }
}
