namespace Cifar3.Benchmarks;

/// <summary>One who is measured.</summary>
/// <param name="Name">What the tables call it.</param>
/// <param name="Measure">Does one round's work and returns its value, such as images a second.</param>
internal sealed record Contender(string Name, Func<double> Measure);

/// <summary>Measures all contenders once in every round: what the machine does meanwhile hits all of them alike.</summary>
internal static class AlternatingRounds
{
    /// <summary>Measures, one contender after the other, round by round.</summary>
    /// <param name="rounds">Number of rounds.</param>
    /// <param name="contenders">Who takes part, warmed up already.</param>
    /// <returns>The measurements, by name.</returns>
    public static IReadOnlyDictionary<string, Measurement> Run(int rounds, IReadOnlyList<Contender> contenders)
    {
        var values = contenders.ToDictionary(contender => contender.Name, _ => new List<double>());
        for (int round = 1; round <= rounds; round++)
        {
            Console.Error.WriteLine($"Round {round} of {rounds}");
            foreach (var contender in contenders)
            {
                values[contender.Name].Add(contender.Measure());
            }
        }

        return values.ToDictionary(pair => pair.Key, pair => new Measurement(pair.Key, pair.Value));
    }
}
