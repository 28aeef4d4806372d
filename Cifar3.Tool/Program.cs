// The command cifar3: one subcommand a file in Commands, each of them thin: the libraries do the work.
using System.CommandLine;
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
return ConsoleProgram.Run(_ => CommandLineErrors.Check(root.Parse(args.Length > 0 ? args : ["--help"], parser)).Invoke()); // help and the parser's errors, too, may meet a console that is closed or full
