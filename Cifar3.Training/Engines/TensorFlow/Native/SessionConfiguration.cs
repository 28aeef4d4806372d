using Google.Protobuf;

namespace Cifar3.Training;

/// <summary>The few fields of TensorFlow's <c>ConfigProto</c> that this engine sets, as bytes.</summary>
/// <remarks><see href="https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/config.proto"/></remarks>
internal static class SessionConfiguration
{
    // Field numbers of ConfigProto, of its map device_count and of GPUOptions.
    private const int DeviceCount = 1, IntraOpThreads = 2, InterOpThreads = 5, GpuOptions = 6, AllowSoftPlacement = 7;
    private const int MapKey = 1, MapValue = 2;
    private const int AllowGrowth = 4, VisibleDeviceList = 5;

    /// <param name="threads">How many threads compute.</param>
    /// <param name="operatorThreads">How many of them may share in one operator.</param>
    /// <param name="options">Device and memory.</param>
    public static byte[] Write(int threads, int operatorThreads, TensorFlowOptions options) => Message(config =>
    {
        if (options.Device == TensorFlowDevice.Cpu)
        {
            Nested(config, DeviceCount, entry =>
            {
                entry.WriteTag(MapKey, WireFormat.WireType.LengthDelimited);
                entry.WriteString("GPU");
                entry.WriteTag(MapValue, WireFormat.WireType.Varint);
                entry.WriteInt32(0);
            });
        }

        config.WriteTag(IntraOpThreads, WireFormat.WireType.Varint);
        config.WriteInt32(operatorThreads);
        config.WriteTag(InterOpThreads, WireFormat.WireType.Varint);
        config.WriteInt32(threads);

        if (options.Device != TensorFlowDevice.Cpu)
        {
            Nested(config, GpuOptions, gpu =>
            {
                if (options.AllowMemoryGrowth)
                {
                    gpu.WriteTag(AllowGrowth, WireFormat.WireType.Varint);
                    gpu.WriteBool(true);
                }

                gpu.WriteTag(VisibleDeviceList, WireFormat.WireType.LengthDelimited);
                gpu.WriteString(options.GpuIndex.ToString(System.Globalization.CultureInfo.InvariantCulture));
            });
        }

        config.WriteTag(AllowSoftPlacement, WireFormat.WireType.Varint);
        config.WriteBool(true);
    });

    private static void Nested(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(Message(write)));
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            write(output);
        }

        return stream.ToArray();
    }
}
