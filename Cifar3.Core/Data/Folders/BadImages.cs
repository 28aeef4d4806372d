using System.Collections.Immutable;
using System.Runtime.ExceptionServices;

namespace Cifar3;

/// <summary>What to do with pictures that cannot be decoded, and with folders among them that cannot be listed: the one place of <see cref="OnBadImage"/>'s rule.</summary>
/// <param name="rule">The rule.</param>
/// <param name="skipped">Counts what is left out.</param>
internal sealed class BadImages(OnBadImage rule, SkipCounter skipped)
{
    private readonly ImmutableArray<BadImage>.Builder collected = ImmutableArray.CreateBuilder<BadImage>();

    /// <summary>Whether the first one ends the loading.</summary>
    public bool EndsLoading => rule == OnBadImage.Throw;

    /// <summary>What was left out, with the errors, where that is asked for.</summary>
    public ImmutableArray<BadImage> Collected => collected.ToImmutable();

    /// <summary>What a <see cref="FolderWalker"/> tells of folders that cannot be listed; null = the first one ends the walk.</summary>
    /// <exception cref="Cifar3DataException">Too many files are open.</exception>
    public Action<string, Exception>? OnFolder => EndsLoading ? null : (folder, e) =>
    {
        string problem = IoFault.ReadProblem(folder, e);
        if (IoFault.IsTooManyOpen(e))
        {
            throw new Cifar3DataException(problem, e);
        }

        LeaveOut(SkipReason.UnreadableFolder, folder, problem);
    };

    /// <summary>A picture that cannot be decoded.</summary>
    /// <exception cref="Cifar3ImageException">The error, where the rule is to end, or where too many files are open: sound pictures would be left out.</exception>
    public void Add(string path, Cifar3ImageException error)
    {
        if (EndsLoading || IoFault.IsTooManyOpen(error.InnerException))
        {
            ExceptionDispatchInfo.Throw(error);
        }

        LeaveOut(SkipReason.BadImage, path, error.Message);
    }

    private void LeaveOut(SkipReason reason, string path, string problem)
    {
        skipped.Add(reason, path);
        if (rule == OnBadImage.Collect)
        {
            collected.Add(new BadImage(path, problem));
        }
    }
}
