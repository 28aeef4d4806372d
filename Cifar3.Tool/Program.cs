// The command cifar3: one subcommand a file in Commands, each of them thin: the libraries do the work.
using System.CommandLine;
using System.CommandLine.Help;
using Cifar3.Tool;
using Cifar3.Training;

var root = new RootCommand("Trains a CNN on folders of pictures and uses it: evaluate, predict, export to ONNX, convert from and to Keras, report, serve.")
{
    TrainCommand.Create(),
    EvaluateCommand.Create(),
    PredictCommand.Create(),
    ExportCommand.Create(),
    ConvertCommand.Create(),
    InspectCommand.Create(),
    ReportCommand.Create(),
    ServeCommand.Create(),
    DoctorCommand.Create(),
};
var parser = new ParserConfiguration { ResponseFileTokenReplacer = null }; // a file may be called @x.jpg
const int NarrowestHelp = 40; // below that System.CommandLine cannot break its lines, and does not end

// Exceptions and signals are ConsoleProgram's alone: a second one that watches would take the signal that the first was to pass on.
var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };

// Help and the parser's errors, too, may meet a console that is closed or full.
return ConsoleProgram.Run(cancel =>
{
    foreach (var help in root.Options.Select(option => option.Action).OfType<HelpAction>())
    {
        help.MaxWidth = Math.Max(help.MaxWidth, NarrowestHelp);
    }

    return CommandLineErrors.Check(root.Parse(args.Length > 0 ? args : ["--help"], parser)).InvokeAsync(invocation, cancel).GetAwaiter().GetResult();
});
