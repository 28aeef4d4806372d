using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>A handle that TensorFlow made: released once, whatever happens, and never used after.</summary>
internal abstract class TensorFlowHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;
}

/// <summary><c>TF_Graph*</c>; TensorFlow keeps it alive until its sessions are gone.</summary>
internal sealed class GraphHandle : TensorFlowHandle
{
    protected override bool ReleaseHandle()
    {
        TensorFlowApi.TF_DeleteGraph(handle);
        return true;
    }
}

/// <summary><c>TF_SessionOptions*</c>.</summary>
internal sealed class SessionOptionsHandle : TensorFlowHandle
{
    protected override bool ReleaseHandle()
    {
        TensorFlowApi.TF_DeleteSessionOptions(handle);
        return true;
    }
}

/// <summary><c>TF_Session*</c>: closing it frees the variables and the thread-safe executors.</summary>
internal sealed class SessionHandle : TensorFlowHandle
{
    protected override bool ReleaseHandle()
    {
        using var status = TensorFlowStatus.Create();
        TensorFlowApi.TF_CloseSession(handle, status);
        TensorFlowApi.TF_DeleteSession(handle, status);
        return TensorFlowApi.TF_GetCode(status) == 0;
    }
}

/// <summary><c>TF_Tensor*</c>.</summary>
internal sealed class TensorHandle : TensorFlowHandle
{
    public TensorHandle()
    {
    }

    /// <summary>Takes ownership of a tensor that a session returned.</summary>
    public TensorHandle(nint tensor) => SetHandle(tensor);

    protected override bool ReleaseHandle()
    {
        TensorFlowApi.TF_DeleteTensor(handle);
        return true;
    }
}

/// <summary><c>TF_DeviceList*</c>.</summary>
internal sealed class DeviceListHandle : TensorFlowHandle
{
    protected override bool ReleaseHandle()
    {
        TensorFlowApi.TF_DeleteDeviceList(handle);
        return true;
    }
}
