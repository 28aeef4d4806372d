using System.Text;

namespace Cifar3.Training;

/// <summary>A device behind OpenCL: AMD's and Intel's GPUs, NVIDIA's too, and processors through PoCL. The driver compiles the kernels' text.</summary>
internal sealed unsafe class OpenClDevice : GpuDevice
{
    private const uint BuildLog = 0x1183, Blocking = 1;
    private const ulong ReadWrite = 1;

    private readonly OpenClLibrary cl;
    private readonly OpenClDeviceInfo info;
    private readonly Lock gate = new();
    private readonly List<nint> buffers = [], kernels = [];
    private nint context, queue, program;
    private GpuBuffer wanted; // that a read was begun of

    /// <summary>Opens a device and compiles the kernels for it.</summary>
    /// <param name="cl">The library.</param>
    /// <param name="info">The device.</param>
    /// <param name="source">The kernels' text.</param>
    /// <exception cref="GpuException">The driver refused; where it could not compile, with its words.</exception>
    public OpenClDevice(OpenClLibrary cl, OpenClDeviceInfo info, string source)
    {
        (this.cl, this.info) = (cl, info);
        try
        {
            nint device = info.Handle;
            int error = 0;
            context = cl.CreateContext(null, 1, &device, 0, 0, &error);
            Check(error, "a context");
            queue = cl.CreateCommandQueue(context, device, 0, &error);
            Check(error, "a queue");
            program = Build(source);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Gives a forgotten device back.</summary>
    ~OpenClDevice() => Dispose(false);

    /// <inheritdoc/>
    public override string Description => info.ToString();

    /// <inheritdoc/>
    public override GpuBuffer Allocate(long bytes)
    {
        int error = 0;
        nint buffer = cl.CreateBuffer(context, ReadWrite, (nint)bytes, null, &error);
        Check(error, $"{bytes:N0} bytes of memory");
        buffers.Add(buffer);
        return new GpuBuffer(buffer);
    }

    /// <inheritdoc/>
    public override GpuKernel Kernel(string name)
    {
        int error = 0;
        fixed (byte* text = Terminated(name))
        {
            nint kernel = cl.CreateKernel(program, text, &error);
            Check(error, $"kernel {name}");
            kernels.Add(kernel);
            return new GpuKernel(kernel);
        }
    }

    /// <inheritdoc/>
    public override void Write(GpuBuffer buffer, ReadOnlySpan<byte> values)
    {
        fixed (byte* from = values)
        {
            Check(cl.EnqueueWriteBuffer(queue, buffer.Handle, Blocking, 0, values.Length, from, 0, null, null), "a copy to the device");
        }

        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    public override void Read(GpuBuffer buffer, Span<byte> values)
    {
        fixed (byte* to = values)
        {
            Check(cl.Finish(queue), "the launches");
            Check(cl.EnqueueReadBuffer(queue, buffer.Handle, Blocking, 0, values.Length, to, 0, null, null), "a copy from the device");
        }

        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    public override void StartRead(GpuBuffer buffer, int bytes) => wanted = buffer;

    /// <summary>Reads now, behind all launches: where one of them fails, OpenCL does not promise that those behind it do not take place.</summary>
    /// <inheritdoc/>
    public override void EndRead(Span<byte> values) => Read(wanted, values);

    /// <inheritdoc/>
    public override void Secure()
    {
        Check(cl.Finish(queue), "the launches");
        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    public override void Launch(GpuKernel kernel, int x, int y, int z, params ReadOnlySpan<GpuArgument> arguments)
    {
        for (int i = 0; i < arguments.Length; i++)
        {
            long bits = arguments[i].Bits; // little-endian on every system that .NET and OpenCL share
            Check(cl.SetKernelArg(kernel.Handle, (uint)i, arguments[i].Bytes, &bits), "an argument of a kernel");
        }

        nint* items = stackalloc nint[] { (nint)x * Group, y, z };
        nint* group = stackalloc nint[] { Group, 1, 1 };
        Check(cl.EnqueueNDRangeKernel(queue, kernel.Handle, 3, null, items, group, 0, null, null), "a launch");
        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (gate)
        {
            if (queue != 0)
            {
                cl.Finish(queue);
            }

            buffers.ForEach(buffer => cl.ReleaseMemObject(buffer));
            kernels.ForEach(kernel => cl.ReleaseKernel(kernel));
            buffers.Clear();
            kernels.Clear();
            Release(ref program, cl.ReleaseProgram);
            Release(ref queue, cl.ReleaseCommandQueue);
            Release(ref context, cl.ReleaseContext);
        }

        static void Release(ref nint handle, delegate* unmanaged<nint, int> release)
        {
            if (handle != 0)
            {
                release(handle);
                handle = 0;
            }
        }
    }

    private static byte[] Terminated(string text) => Encoding.UTF8.GetBytes(text + '\0');

    private nint Build(string source)
    {
        nint device = info.Handle;
        byte[] text = Encoding.UTF8.GetBytes(source), options = Terminated("-cl-std=CL1.2" + (info.RoundsDivisions ? " -cl-fp32-correctly-rounded-divide-sqrt" : ""));
        fixed (byte* from = text, given = options)
        {
            byte* start = from;
            nint length = text.Length;
            int error = 0;
            nint built = cl.CreateProgramWithSource(context, 1, &start, &length, &error);
            Check(error, "the kernels' text");
            error = cl.BuildProgram(built, 1, &device, given, 0, 0);
            if (error != 0)
            {
                string log = OpenClDeviceInfo.Text((size, to, needed) => cl.GetProgramBuildInfo(built, info.Handle, BuildLog, size, (void*)to, (nint*)needed));
                cl.ReleaseProgram(built);
                throw new GpuException($"{info} cannot compile the kernels (OpenCL error {error}). A newer driver may. It says: {log}", error);
            }

            return built;
        }
    }

    private void Check(int error, string what)
    {
        if (error != 0)
        {
            throw new GpuException($"{info} refused {what}: {Words(error)} (OpenCL error {error}).", error);
        }
    }

    private static string Words(int error) => error switch
    {
        -4 => "there is not enough device memory; a smaller batch needs less",
        -5 => "it is out of resources, or a launch before failed",
        -6 => "there is not enough memory",
        -14 => "a launch before failed",
        -46 => "the kernels' text has no such kernel",
        -54 => $"it cannot run work-groups of {Group}",
        -61 => "a buffer is larger than the device allows; a smaller batch needs less",
        _ => "see the error's number in CL/cl.h",
    };
}
