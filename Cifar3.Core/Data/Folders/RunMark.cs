using System.Text;

namespace Cifar3;

/// <summary>
/// By what the folder that a training leaves is known: its record. Such a folder often lies beside the pictures' class folders (<c>cifar3 train .</c>) and must
/// not be taken for a class by the next training.
/// </summary>
internal static class RunMark
{
    /// <summary>The record's file.</summary>
    public const string RecordFile = "run.json";

    /// <summary>What its format begins with.</summary>
    public const string Format = "cifar3-run ";

    private const int HeadBytes = 256; // the format comes first

    /// <summary>Whether a training left this folder: it has the record and no pictures of its own.</summary>
    public static bool Is(string folder)
    {
        string record = Path.Combine(folder, RecordFile);
        try
        {
            if (!File.Exists(record))
            {
                return false;
            }

            using var stream = BoundedReader.Open(record);
            Span<byte> head = stackalloc byte[HeadBytes];
            int length = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
            return head[..length].IndexOf(Encoding.ASCII.GetBytes($"\"{Format}")) >= 0 && !FolderWalker.HasPictures(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
