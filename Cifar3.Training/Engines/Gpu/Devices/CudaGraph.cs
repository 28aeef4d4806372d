namespace Cifar3.Training;

/// <summary>
/// Launches recorded once and started together, as a CUDA graph: what they take where the host does not slow them down. For measuring: a step's launches
/// take its number and learning rate as arguments, which a graph repeats.
/// </summary>
internal sealed unsafe class CudaGraph : IDisposable
{
    private const int ThreadLocalCapture = 1; // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL

    private readonly CudaDevice device;
    private readonly delegate* unmanaged<nint, nint, int> launch;
    private readonly delegate* unmanaged<nint, int> destroy;
    private nint executable;

    private CudaGraph(CudaDevice device, nint executable)
    {
        (this.device, this.executable) = (device, executable);
        launch = (delegate* unmanaged<nint, nint, int>)device.Driver.Find("cuGraphLaunch");
        destroy = (delegate* unmanaged<nint, int>)device.Driver.Find("cuGraphExecDestroy");
    }

    /// <summary>Records launches; they do not take place.</summary>
    /// <param name="device">The device.</param>
    /// <param name="launches">Launches, and no copies.</param>
    /// <exception cref="GpuException">The driver refused.</exception>
    /// <exception cref="EntryPointNotFoundException">The driver is older than CUDA 11.4.</exception>
    public static CudaGraph Capture(CudaDevice device, Action launches)
    {
        var begin = (delegate* unmanaged<nint, int, int>)device.Driver.Find("cuStreamBeginCapture_v2");
        var end = (delegate* unmanaged<nint, nint*, int>)device.Driver.Find("cuStreamEndCapture");
        var instantiate = (delegate* unmanaged<nint*, nint, ulong, int>)device.Driver.Find("cuGraphInstantiateWithFlags");
        var destroyGraph = (delegate* unmanaged<nint, int>)device.Driver.Find("cuGraphDestroy");
        nint graph = 0, executable = 0;
        device.Use();
        device.Check(begin(device.Stream, ThreadLocalCapture), "to record launches");
        try
        {
            launches();
        }
        finally
        {
            device.Check(end(device.Stream, &graph), "recorded launches");
        }

        int error = instantiate(&executable, graph, 0);
        destroyGraph(graph);
        device.Check(error, "a graph of launches");
        return new CudaGraph(device, executable);
    }

    /// <summary>Starts all launches, and does not wait for them.</summary>
    public void Launch()
    {
        device.Use();
        device.Check(launch(executable, device.Stream), "a graph");
    }

    /// <summary>Gives the graph back; before the device.</summary>
    public void Dispose()
    {
        if (executable != 0)
        {
            device.Use();
            destroy(executable);
            executable = 0;
        }
    }
}
