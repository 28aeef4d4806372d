using System.CommandLine;

namespace Cifar3.Benchmarks;

/// <summary>The options that every subject takes, and the command around it.</summary>
internal sealed record SubjectOptions(int Rounds, string? JsonFile)
{
    /// <summary>Makes the command of a subject, with the options of all subjects.</summary>
    /// <param name="name">What the user types.</param>
    /// <param name="description">One line of help.</param>
    /// <param name="run">Measures, prints, and says what was reached of the targets.</param>
    /// <param name="more">Options of this subject alone; read them from the parse result.</param>
    public static Command Command(string name, string description, Func<SubjectOptions, ParseResult, IReadOnlyList<Target>> run, params Option[] more)
    {
        var rounds = new Option<int>("--rounds") { Description = "Rounds in which all are measured in turn; the medians count.", DefaultValueFactory = _ => 5 };
        rounds.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--rounds must be 1 or more.");
            }
        });
        var json = new Option<string?>("--json") { Description = "File that receives the targets with what was reached, as JSON." };
        var command = new Command(name, description) { rounds, json };
        foreach (var option in more)
        {
            command.Options.Add(option);
        }

        command.SetAction(arguments =>
        {
            var options = new SubjectOptions(arguments.GetValue(rounds), arguments.GetValue(json));
            MachineDescription.Print();
            var targets = run(options, arguments);
            TargetReport.Print(targets);
            if (options.JsonFile is not null)
            {
                File.WriteAllText(options.JsonFile, TargetReport.ToJson(targets));
            }

            return 0;
        });
        return command;
    }
}
