namespace Cifar3.Tests;

/// <summary>Mistakes on the command line: one line on the standard error that says what is wrong, what was probably meant and where the help is.</summary>
public sealed class ToolArgumentTests
{
    [TestCase("train pictures --output x --epochs 1", "There is no option '--output': did you mean '--out'? See 'cifar3 train --help'.")]
    [TestCase("train --epoch 3 pictures", "There is no option '--epoch': did you mean '--epochs'? See 'cifar3 train --help'.")]
    [TestCase("train pictures --learning-rate 0.1", "There is no option '--learning-rate'. See 'cifar3 train --help'.")]
    [TestCase("train pictures --epochs ten", "--epochs: expected a whole number. Received: 'ten'. See 'cifar3 train --help'.")]
    [TestCase("train pictures --engine cuda", "--engine: expected one of Auto, Managed, TensorFlow, Gpu. Received: 'cuda'. See 'cifar3 train --help'.")]
    [TestCase("train pictures --class-weights 1", "--class-weights: expected one of None, Balanced. Received: '1'. See 'cifar3 train --help'.")]
    [TestCase("train pictures --engine 7", "--engine: expected one of Auto, Managed, TensorFlow, Gpu. Received: '7'. See 'cifar3 train --help'.")]
    [TestCase("export default --flavor Keras,Int8", "--flavor: expected one of Keras, Optimized, Int8. Received: 'Keras,Int8'. See 'cifar3 export --help'.")]
    [TestCase("train pictures more", "'more' is one argument too many for 'cifar3 train'. See 'cifar3 train --help'.")]
    [TestCase("predict default photo.jpg --josn", "There is no option '--josn': did you mean '--json'? See 'cifar3 predict --help'.")]
    [TestCase("predict default -- -1.jpg --json", "'--json' stands behind '--', where all are files and folders: put it before. See 'cifar3 predict --help'.")]
    [TestCase("predict default", "Required argument 'pictures' missing for command: 'predict'. See 'cifar3 predict --help'.")]
    [TestCase("trian pictures", "There is no command 'trian': did you mean 'train'? See 'cifar3 --help'.")]
    [TestCase("--foo", "There is no option '--foo'. See 'cifar3 --help'.")]
    public void Run_Mistake_IsOneLineWithWhatWasMeant(string arguments, string expected)
    {
        var (exitCode, output, error) = ToolProcess.Run(arguments.Split(' '));

        Assert.That((exitCode, output, error.Trim()), Is.EqualTo((1, "", $"Error: {expected}")));
    }

    /// <summary>As of <c>--out "$RUN"</c> where there is no such variable: the former training in the current folder would be replaced.</summary>
    [TestCase("--out is empty", "train", "pictures", "--out", "")]
    [TestCase("The argument 'folder' is empty", "train", "")]
    [TestCase("The argument 'pictures' is empty", "predict", "default", "a.png", "")]
    [TestCase("The argument 'run' is empty", "report", "")]
    [TestCase("--triton is empty", "export", "default", "--triton", "")]
    [TestCase("--urls is empty", "serve", "default", "--urls", "")]
    public void Run_EmptyText_IsRefused(string problem, params string[] arguments) =>
        Assert.That(ToolProcess.MustFail(arguments), Is.EqualTo($"Error: {problem}: give it a value. Is a variable of the shell not set? See 'cifar3 {arguments[0]} --help'."));

    /// <summary>Who types the name alone asks what there is.</summary>
    [Test]
    public void Run_NoArguments_ShowsTheHelp()
    {
        var (output, error) = ToolProcess.Must();

        Assert.That(output, Does.Contain("train <folder>").And.Contain("doctor"));
        Assert.That(error, Is.Empty);
    }

    [Test]
    public void Predict_FileThatIsCalledLikeAnOption_IsTaken()
    {
        string folder = TestFiles.NewFolder();
        File.WriteAllBytes(Path.Combine(folder, "--josn"), ImageCorpus.Files["jpeg"]);

        var (exitCode, output, error) = ToolProcess.RunIn(folder, "predict", "default", "--csv", "--", "--josn");

        Assert.That(exitCode, Is.Zero, error);
        Assert.That(output, Does.Contain("--josn,"));
    }
}
