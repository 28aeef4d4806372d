using Cifar3.Training;
using Google.Protobuf.Reflection;
using Onnx;

namespace Cifar3.Tests;

/// <summary>The counting pass's tables against protobuf's descriptors of the schemas, message by message and field by field.</summary>
internal sealed class OnnxMessageTests
{
    [Test]
    public void Model_EveryMessageThatAFileCanHold_IsAsTheSchemaSays()
    {
        Assert.That(Compared(ModelProto.Descriptor, OnnxMessage.Model), Is.GreaterThan(20));
    }

    [Test]
    public void Checkpoint_EveryMessageThatAFileCanHold_IsAsTheSchemaSays() => Assert.That(Compared(CheckpointData.Descriptor, CheckpointFile.Schema), Is.GreaterThan(4));

    /// <summary>Compares all messages and gives their number.</summary>
    private static int Compared(MessageDescriptor whole, ProtobufMessage table)
    {
        var seen = new Dictionary<MessageDescriptor, ProtobufMessage>();
        Compare(whole, table, whole.Name);
        return seen.Count;

        void Compare(MessageDescriptor expected, ProtobufMessage found, string path)
        {
            if (seen.TryGetValue(expected, out var known))
            {
                Assert.That(found, Is.SameAs(known), path);
                return;
            }

            seen.Add(expected, found);
            int last = expected.Fields.InDeclarationOrder().Max(field => field.FieldNumber);
            for (int number = 0; number <= last + 40; number++)
            {
                var field = expected.FindFieldByNumber(number);
                string name = $"{path}.{field?.Name ?? $"{number}"}";
                bool isMessage = field?.FieldType == FieldType.Message;
                bool isList = !isMessage && field?.IsRepeated == true && field.FieldType is not (FieldType.String or FieldType.Bytes or FieldType.Float or FieldType.Double);
                Assert.That(found.MessageOf(number) is not null, Is.EqualTo(isMessage), $"{name} is a message");
                Assert.That(found.IsListOfWholeNumbers(number), Is.EqualTo(isList), $"{name} is a list of whole numbers");
                if (isMessage && !IsPlain(field!.MessageType))
                {
                    Compare(field.MessageType, found.MessageOf(number)!, name);
                }
                else if (isMessage)
                {
                    Assert.That(Enumerable.Range(0, 64).All(n => found.MessageOf(number)!.MessageOf(n) is null && !found.MessageOf(number)!.IsListOfWholeNumbers(n)), Is.True, $"{name} holds nothing to count");
                }
            }
        }
    }

    // Messages without messages or lists of whole numbers share one entry of the table.
    private static bool IsPlain(MessageDescriptor type) =>
        type.Fields.InDeclarationOrder().All(field => field.FieldType != FieldType.Message && (!field.IsRepeated || field.FieldType is FieldType.String or FieldType.Bytes or FieldType.Float or FieldType.Double));
}
