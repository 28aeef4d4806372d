namespace Cifar3;

/// <summary>Gives the scores of the row that a row or cursor is at.</summary>
internal interface IRowScores
{
    /// <summary>One of <see cref="ScoreRows"/>: the probabilities, and the familiarity where it is asked for; valid until the row moves on.</summary>
    /// <exception cref="Cifar3ImageException">The row's image is missing or cannot be decoded.</exception>
    ReadOnlySpan<float> Current { get; }

    /// <summary>Index of the most probable class, the first of equals.</summary>
    int Label(int classes)
    {
        var scores = Current;
        int label = 0;
        for (int i = 1; i < classes; i++)
        {
            label = scores[i] > scores[label] ? i : label;
        }

        return label;
    }
}
