using System.Runtime.InteropServices;

namespace Cifar3.Training;

/// <summary>A session: the variables' values and the means to run parts of a graph. Operators may be added after it exists.</summary>
internal sealed unsafe class Session : IDisposable
{
    private readonly SessionHandle handle;

    /// <param name="graph">The graph to run; it must outlive nothing: TensorFlow keeps it as long as the session.</param>
    /// <param name="configuration">A serialized <c>ConfigProto</c>.</param>
    /// <exception cref="TensorFlowException">The configuration is refused or a device cannot be started.</exception>
    public Session(GraphHandle graph, byte[] configuration)
    {
        using var status = TensorFlowStatus.Create();
        using var options = TensorFlowApi.TF_NewSessionOptions();
        fixed (byte* bytes = configuration)
        {
            TensorFlowApi.TF_SetConfig(options, bytes, (nuint)configuration.Length, status);
        }

        status.ThrowIfFailed("the session's configuration");
        handle = TensorFlowApi.TF_NewSession(graph, options, status);
        status.ThrowIfFailed("a new session");
    }

    /// <summary>The devices that operators may be placed on.</summary>
    public IReadOnlyList<TensorFlowDeviceInfo> ListDevices()
    {
        using var status = TensorFlowStatus.Create();
        using var list = TensorFlowApi.TF_SessionListDevices(handle, status);
        status.ThrowIfFailed("the list of devices");
        var devices = new List<TensorFlowDeviceInfo>();
        for (int i = 0; i < TensorFlowApi.TF_DeviceListCount(list); i++)
        {
            string name = Marshal.PtrToStringUTF8((nint)TensorFlowApi.TF_DeviceListName(list, i, status)) ?? "";
            string type = Marshal.PtrToStringUTF8((nint)TensorFlowApi.TF_DeviceListType(list, i, status)) ?? "";
            long memory = TensorFlowApi.TF_DeviceListMemoryBytes(list, i, status);
            status.ThrowIfFailed("the description of a device");
            devices.Add(new TensorFlowDeviceInfo(name, type, memory));
        }

        return devices;
    }

    /// <summary>Runs what the fetches and targets need.</summary>
    /// <param name="what">What the run is, for the error message.</param>
    /// <param name="feeds">Placeholders that get a value.</param>
    /// <param name="values">Their values; they stay the caller's.</param>
    /// <param name="fetches">Outputs to return.</param>
    /// <param name="targets">Operations to run for their effect.</param>
    /// <returns>One tensor a fetch; the caller disposes them.</returns>
    /// <exception cref="TensorFlowException">TensorFlow refused.</exception>
    public Tensor[] Run(string what, ReadOnlySpan<Output> feeds, ReadOnlySpan<Tensor> values, ReadOnlySpan<Output> fetches, params ReadOnlySpan<Operation> targets)
    {
        if (feeds.Length != values.Length)
        {
            throw new ArgumentException($"{feeds.Length} feeds need as many values. Received: {values.Length}.", nameof(values));
        }

        Span<nint> inputs = stackalloc nint[feeds.Length], outputs = stackalloc nint[fetches.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            ObjectDisposedException.ThrowIf(values[i].Handle.IsClosed, values[i]);
            inputs[i] = values[i].Handle.DangerousGetHandle();
        }

        using var status = TensorFlowStatus.Create();
        outputs.Clear();
        fixed (Output* feed = feeds, fetch = fetches)
        fixed (Operation* target = targets)
        fixed (nint* input = inputs, output = outputs)
        {
            TensorFlowApi.TF_SessionRun(handle, 0, feed, input, feeds.Length, fetch, output, fetches.Length, target, targets.Length, 0, status);
        }

        foreach (var value in values)
        {
            GC.KeepAlive(value);
        }

        if (status.HasFailed)
        {
            status.ThrowIfFailed(what, MistypedFeed(feeds, values));
        }

        var results = new Tensor[fetches.Length];
        for (int i = 0; i < results.Length; i++)
        {
            results[i] = new Tensor(new TensorHandle(outputs[i]));
        }

        return results;
    }

    public void Dispose() => handle.Dispose();

    /// <summary>The placeholder that got a value of another type, which TensorFlow's message does not name; null where all fit.</summary>
    private static string? MistypedFeed(ReadOnlySpan<Output> feeds, ReadOnlySpan<Tensor> values)
    {
        for (int i = 0; i < feeds.Length; i++)
        {
            if (TensorFlowApi.TF_OperationOutputType(feeds[i]) != TensorFlowApi.TF_TensorType(values[i].Handle))
            {
                return Marshal.PtrToStringUTF8((nint)TensorFlowApi.TF_OperationName(feeds[i].Operation));
            }
        }

        return null;
    }
}
