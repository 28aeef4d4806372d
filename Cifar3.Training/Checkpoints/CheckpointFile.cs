using System.Buffers.Binary;
using System.Security.Cryptography;
using Google.Protobuf;

namespace Cifar3.Training;

/// <summary>
/// The file around a <see cref="CheckpointData"/>: 8 bytes "CIFAR3CK", int32 format version, int64 length of the payload, 32 bytes SHA-256 of
/// the payload, then the payload; numbers are little-endian. Nothing of the payload is looked at before its length and hash are right.
/// </summary>
internal static class CheckpointFile
{
    public const int FormatVersion = 1;

    private const int HeaderBytes = 8 + 4 + 8 + 32;

    /// <summary>Entries of the payload's protobuf structure beyond one a byte, and the most: a million epochs have seventeen million.</summary>
    public const int SpareEntries = ProtobufLimits.MaxEntries, MaxEntries = 18 * TrainingSettings.MaxEpoch + SpareEntries;

    private static readonly MessageParser<CheckpointData> Parser = CheckpointData.Parser.WithDiscardUnknownFields(true);

    /// <summary>checkpoint.proto for the counting pass.</summary>
    public static ProtobufMessage Schema { get; } = CreateSchema();

    private static ReadOnlySpan<byte> Magic => "CIFAR3CK"u8;

    public static void Write(string path, CheckpointData data)
    {
        byte[] payload = data.ToByteArray();
        var header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), FormatVersion);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(12), payload.LongLength);
        SHA256.HashData(payload, header.AsSpan(20));
        AtomicFile.Write(path, stream =>
        {
            stream.Write(header);
            stream.Write(payload);
        });
    }

    /// <summary>Reads a file; null where there is none.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">The largest payload that a training of this network can have.</param>
    /// <exception cref="Cifar3ModelException">The file is damaged, too large, of another format, or cannot be read.</exception>
    public static CheckpointData? Read(string path, long maxBytes)
    {
        try
        {
            using var stream = BoundedReader.Open(path);
            byte[] payload = ReadPayload(path, stream, maxBytes);
            ProtobufLimits.Check(payload, Schema, (int)Math.Min(SpareEntries + payload.LongLength, MaxEntries), "a training's weights and epochs");
            return Parser.ParseFrom(payload);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException or FormatException)
        {
            throw Damaged(path, e.Message.TrimEnd('.'), e);
        }
        catch (OutOfMemoryException e)
        {
            throw NoMemory(path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new Cifar3ModelException(IoFault.ReadProblem(Path.GetFullPath(path), e, "training checkpoint"), e); // not damaged: not read
        }
    }

    /// <summary>The error for a file whose content is not what it should be.</summary>
    public static Cifar3ModelException Damaged(string path, string what, Exception? cause = null) =>
        new($"Cannot read training checkpoint '{Shown.Path(Path.GetFullPath(path))}': {what}. Delete the file, or set Resume to false, and train from the beginning.", cause);

    /// <summary>The error where there is no memory for a checkpoint: its bytes, what they are parsed into, and the weights.</summary>
    public static Cifar3ModelException NoMemory(string path, OutOfMemoryException cause) =>
        new($"Cannot read training checkpoint '{Shown.Path(Path.GetFullPath(path))}': {MemoryFault.Problem(new FileInfo(path) is { Exists: true } file ? file.Length : 0, 3)}. {MemoryFault.Remedy}.", cause);

    private static ProtobufMessage CreateSchema()
    {
        ProtobufMessage plain = new(), model = new ProtobufMessage().Messages(plain, 2), named = new ProtobufMessage().Messages(model, 2);
        return new ProtobufMessage()
            .Messages(plain, 2, 3, 7, 8, 9) // settings, epochs, tensors
            .Messages(model, 10) // the best one
            .Messages(new ProtobufMessage().Messages(plain, 2).Messages(named, 3), 11) // callbacks: numbers and models by name
            .Messages(new ProtobufMessage().Messages(plain, 2), 12); // averaged weights
    }

    private static byte[] ReadPayload(string path, FileStream stream, long maxBytes)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (stream.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes)
        {
            throw Damaged(path, $"the file is cut off. Expected at least {HeaderBytes} bytes, found {stream.Length:N0}");
        }

        if (!header[..8].SequenceEqual(Magic))
        {
            throw Damaged(path, $"it is no training checkpoint. Expected the first bytes {Convert.ToHexString(Magic)}, found {Convert.ToHexString(header[..8])}");
        }

        int version = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        if (version != FormatVersion)
        {
            throw Damaged(path, $"another version of Cifar3 wrote it, which can go on with it. Expected format {FormatVersion}, found {version}");
        }

        long length = BinaryPrimitives.ReadInt64LittleEndian(header[12..]), found = stream.Length - HeaderBytes;
        if (length != found || length > Math.Min(maxBytes, Array.MaxLength))
        {
            throw Damaged(path, length != found ? $"the file is damaged or cut off. Expected {length:N0} bytes after the header, found {found:N0}" : $"it is too large for this network. Expected at most {maxBytes:N0} bytes, found {length:N0}");
        }

        var payload = new byte[length];
        stream.ReadExactly(payload);
        if (!header[20..].SequenceEqual(SHA256.HashData(payload)))
        {
            throw Damaged(path, $"the file is damaged. Expected SHA-256 {Convert.ToHexStringLower(header[20..28])}…, found {Convert.ToHexStringLower(SHA256.HashData(payload).AsSpan(0, 8))}…");
        }

        return payload;
    }
}
