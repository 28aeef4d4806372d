namespace Cifar3;

/// <summary>How near a word is to one that was meant.</summary>
internal static class Spelling
{
    /// <summary>How many characters must be put in, taken out or changed to make one text the other (Levenshtein); long texts are far from every name.</summary>
    public static int Distance(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > 2)
        {
            return int.MaxValue;
        }

        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int corner = row[0]++;
            for (int j = 1; j <= b.Length; j++)
            {
                int next = Math.Min(corner + (a[i - 1] == b[j - 1] ? 0 : 1), 1 + Math.Min(row[j], row[j - 1]));
                (corner, row[j]) = (row[j], next);
            }
        }

        return row[^1];
    }
}
