using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>
/// The functions of TensorFlow's C library that this engine needs, and no others: a stable interface, unchanged since TensorFlow 1.
/// The name "tensorflow" is resolved by <see cref="TensorFlowLibrary"/>, which must have loaded the library first.
/// </summary>
/// <remarks>
/// <see href="https://github.com/tensorflow/tensorflow/blob/master/tensorflow/c/c_api.h"/>. Handles of operations (nint) belong to their graph.
/// C's <c>size_t</c> is <see cref="nuint"/>, <c>unsigned char</c> as a truth value is <see cref="byte"/>, all dimensions are <see cref="long"/>.
/// </remarks>
internal static unsafe partial class TensorFlowApi
{
    internal const string Library = "tensorflow";

    [LibraryImport(Library)]
    internal static partial byte* TF_Version();

    // Status
    [LibraryImport(Library)]
    internal static partial TensorFlowStatus TF_NewStatus();

    [LibraryImport(Library)]
    internal static partial void TF_DeleteStatus(nint status);

    [LibraryImport(Library)]
    internal static partial int TF_GetCode(TensorFlowStatus status);

    [LibraryImport(Library)]
    internal static partial byte* TF_Message(TensorFlowStatus status);

    // Tensors
    [LibraryImport(Library)]
    internal static partial TensorHandle TF_AllocateTensor(DataType type, long* dims, int rank, nuint bytes);

    [LibraryImport(Library)]
    internal static partial void TF_DeleteTensor(nint tensor);

    [LibraryImport(Library)]
    internal static partial DataType TF_TensorType(TensorHandle tensor);

    [LibraryImport(Library)]
    internal static partial nuint TF_TensorByteSize(TensorHandle tensor);

    [LibraryImport(Library)]
    internal static partial void* TF_TensorData(TensorHandle tensor);

    // Graphs and operations
    [LibraryImport(Library)]
    internal static partial GraphHandle TF_NewGraph();

    [LibraryImport(Library)]
    internal static partial void TF_DeleteGraph(nint graph);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint TF_NewOperation(GraphHandle graph, string type, string name);

    [LibraryImport(Library)]
    internal static partial void TF_AddInput(nint description, Output input);

    [LibraryImport(Library)]
    internal static partial void TF_AddInputList(nint description, Output* inputs, int count);

    [LibraryImport(Library)]
    internal static partial void TF_AddControlInput(nint description, Operation input);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void TF_SetAttrString(nint description, string name, byte* value, nuint length);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void TF_SetAttrIntList(nint description, string name, long* values, int count);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void TF_SetAttrFloat(nint description, string name, float value);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void TF_SetAttrInt(nint description, string name, long value);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void TF_SetAttrBool(nint description, string name, byte value);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void TF_SetAttrType(nint description, string name, DataType value);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void TF_SetAttrShape(nint description, string name, long* dims, int rank);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void TF_SetAttrTensor(nint description, string name, TensorHandle value, TensorFlowStatus status);

    [LibraryImport(Library)]
    internal static partial nint TF_FinishOperation(nint description, TensorFlowStatus status);

    [LibraryImport(Library)]
    internal static partial byte* TF_OperationName(Operation operation);

    [LibraryImport(Library)]
    internal static partial DataType TF_OperationOutputType(Output output);

    // Sessions
    [LibraryImport(Library)]
    internal static partial SessionOptionsHandle TF_NewSessionOptions();

    [LibraryImport(Library)]
    internal static partial void TF_DeleteSessionOptions(nint options);

    [LibraryImport(Library)]
    internal static partial void TF_SetConfig(SessionOptionsHandle options, byte* configuration, nuint length, TensorFlowStatus status);

    [LibraryImport(Library)]
    internal static partial SessionHandle TF_NewSession(GraphHandle graph, SessionOptionsHandle options, TensorFlowStatus status);

    [LibraryImport(Library)]
    internal static partial void TF_CloseSession(nint session, TensorFlowStatus status);

    [LibraryImport(Library)]
    internal static partial void TF_DeleteSession(nint session, TensorFlowStatus status);

    [LibraryImport(Library)]
    internal static partial void TF_SessionRun(
        SessionHandle session,
        nint runOptions,
        Output* inputs,
        nint* inputValues,
        int inputCount,
        Output* outputs,
        nint* outputValues,
        int outputCount,
        Operation* targets,
        int targetCount,
        nint runMetadata,
        TensorFlowStatus status);

    // Devices
    [LibraryImport(Library)]
    internal static partial DeviceListHandle TF_SessionListDevices(SessionHandle session, TensorFlowStatus status);

    [LibraryImport(Library)]
    internal static partial void TF_DeleteDeviceList(nint list);

    [LibraryImport(Library)]
    internal static partial int TF_DeviceListCount(DeviceListHandle list);

    [LibraryImport(Library)]
    internal static partial byte* TF_DeviceListName(DeviceListHandle list, int index, TensorFlowStatus status);

    [LibraryImport(Library)]
    internal static partial byte* TF_DeviceListType(DeviceListHandle list, int index, TensorFlowStatus status);

    [LibraryImport(Library)]
    internal static partial long TF_DeviceListMemoryBytes(DeviceListHandle list, int index, TensorFlowStatus status);
}
