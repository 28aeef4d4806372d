using System.Text;

namespace Cifar3.Tests;

public sealed class PickleReaderTests
{
    [TestCase("\u0080\u0002cos\nsystem\nU\u0002idR.", "Python code", TestName = "Read_CallOfOsSystem_IsRefused")]
    [TestCase("\u0080\u0002cnumpy\nndarray\nK\u0001R.", "calls a function", TestName = "Read_KnownFunctionWithOtherArguments_IsRefused")]
    [TestCase("\u0080\u0002cnumpy\ndtype\nU\u0002O8K\0K\u0001\u0087R.", "calls a function", TestName = "Read_ArrayOfObjects_IsRefused")]
    [TestCase("\u0080\u0004\u008C\u0002os\u008C\u0006system\u0093.", "protocol 4", TestName = "Read_NewerProtocol_IsRefused")]
    [TestCase("(ios\nsystem\n.", "opcode 0x69 at byte 1", TestName = "Read_InstOpcode_IsRefused")]
    [TestCase("\u0080\u0002}b.", "stack is empty", TestName = "Read_BuildOnNothing_IsRefused")]
    [TestCase("\u0080\u0002}}b.", "other than an array", TestName = "Read_BuildOnDictionary_IsRefused")]
    [TestCase("\u0080\u0002t.", "no mark", TestName = "Read_TupleWithoutMark_IsRefused")]
    [TestCase("\u0080\u0002]K\u0001(.", "stack is empty", TestName = "Read_ValueBelowAMark_CannotBeTaken")]
    [TestCase("\u0080\u0002h\u0007.", "recalls a value", TestName = "Read_UnknownMemo_IsRefused")]
    [TestCase("\u0080\u0002T\u00FF\u00FF\u00FF\u007F.", "ends at byte 8", TestName = "Read_StringLongerThanTheFile_IsRefusedBeforeItIsAllocated")]
    [TestCase("\u0080\u0002T\u00FF\u00FF\u00FF\u00FF.", "negative length", TestName = "Read_StringOfNegativeLength_IsRefused")]
    [TestCase("\u0080\u0002}K\u0001K\u0002s.", "key that is no string", TestName = "Read_NumberAsKey_IsRefused")]
    [TestCase("\u0080\u0002K\u0001K\u0002a.", "not a list", TestName = "Read_AppendToNumber_IsRefused")]
    [TestCase("\u0080\u0002cnumpy", "does not end", TestName = "Read_NameWithoutEnd_IsRefused")]
    public void Read_HostilePickle(string latin, string message)
    {
        var error = Assert.Throws<Cifar3DataException>(() => PickleReader.Read(Encoding.Latin1.GetBytes(latin), "batch"));

        Assert.That(error!.Message, Does.StartWith("Cannot read batch 'batch'").And.Contain(message).And.Contain("Nothing in it was executed"));
    }

    [Test]
    public void Read_LongKey_IsRefusedBeforeItIsUsedOften()
    {
        byte[] pickle = [0x80, 2, (byte)'}', (byte)'T', 0, 0, 16, 0, .. new byte[1 << 20], (byte)'N', (byte)'s', (byte)'.'];

        Assert.That(() => PickleReader.Read(pickle, "batch"), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("a key of 1,048,576 bytes"));
    }

    [Test]
    public void Read_EndlessOpcodes_Stops()
    {
        byte[] pickle = [0x80, 2, .. Enumerable.Repeat((byte)'N', 3_000_000)];

        Assert.That(() => PickleReader.Read(pickle, "batch"), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("more than 2,000,000 opcodes"));
    }

    [Test]
    public void Read_ShapeThatDoesNotFitTheData_IsRefused()
    {
        byte[] pickle = CifarFiles.PythonBatch(CifarFiles.BinaryBatch(0));
        int at = pickle.AsSpan().IndexOf("M\u0014\0M\0\u000C"u8);
        Assert.That(at, Is.Positive); // (20, 3072)
        pickle[at + 1] = 21;

        Assert.That(() => PythonBatchReader.Read(pickle, "batch", new int[10]), Throws.TypeOf<Cifar3DataException>().With.Message.Contains("other than an array of bytes"));
    }

    [Test]
    public void Read_CutOffAnywhere_IsAnError()
    {
        byte[] pickle = CifarFiles.PythonBatch(CifarFiles.BinaryBatch(0, count: 2));
        for (int length = 0; length < pickle.Length; length += length is > 250 and < 6000 ? 61 : 1)
        {
            Assert.That(() => PythonBatchReader.Read(pickle.AsMemory(0, length), "batch", new int[10]), Throws.TypeOf<Cifar3DataException>(), $"{length} of {pickle.Length} bytes");
        }
    }

    [Test]
    public void Read_ChangedBytes_NeverRaisesAnythingElse()
    {
        byte[] sound = CifarFiles.PythonBatch(CifarFiles.BinaryBatch(0, count: 1));
        var random = new PhiloxRandom(1, 99);
        int refused = 0;
        for (int round = 0; round < 20_000; round++)
        {
            var pickle = (byte[])sound.Clone();
            for (int change = random.Next(3); change >= 0; change--)
            {
                int at = random.Next(sound.Length - 3072); // the pixels themselves may be anything
                pickle[at < 200 ? at : at + 3072] = (byte)random.NextUInt32();
            }

            try
            {
                PythonBatchReader.Read(pickle, "batch", new int[10]);
            }
            catch (Cifar3DataException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.GreaterThan(10_000));
    }
}
