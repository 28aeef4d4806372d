using System.Text;

namespace Cifar3.Training;

/// <summary>
/// An NVIDIA card behind its driver alone. The kernels come as PTX, made offline from their OpenCL C text (<c>make-ptx.sh</c>), which the driver compiles
/// for the card (and keeps in its cache: the first start takes seconds, later ones do not).
/// </summary>
/// <remarks>
/// One stream, in which all launches and copies take place in order. The context is the card's primary one, which other libraries of the process
/// share; every call makes it the calling thread's, since engines may be used from one thread after the other.
/// </remarks>
internal sealed unsafe class CudaDevice : GpuDevice
{
    private const int ErrorLog = 5, ErrorLogSize = 6, LogBytes = 8192; // CU_JIT_ERROR_LOG_BUFFER, …_SIZE_BYTES
    private const int SharedBytes = 1, LocalBytes = 3, Registers = 4;  // CU_FUNC_ATTRIBUTE_…
    private const uint NonBlockingStream = 1;                           // CU_STREAM_NON_BLOCKING: does not wait for what others do in stream 0

    private readonly CudaDriver cuda;
    private readonly CudaDeviceInfo info;
    private readonly Lock gate = new();
    private readonly List<nint> buffers = [];
    private nint context, module, stream;
    private readonly CudaReadBack readBack;
    private CudaStaging staging;
    private int stagedBefore; // of the staging memory, when the last read back began

    /// <summary>Opens a card and lets the driver compile the kernels for it.</summary>
    /// <param name="cuda">The driver.</param>
    /// <param name="info">The card.</param>
    /// <param name="ptx">The kernels, ended by a 0.</param>
    /// <param name="stagingBytes">Page-locked memory that copies pass through.</param>
    /// <exception cref="GpuException">The driver refused; where it could not compile, with its words.</exception>
    public CudaDevice(CudaDriver cuda, CudaDeviceInfo info, ReadOnlySpan<byte> ptx, int stagingBytes = CudaStaging.DefaultSize)
    {
        (this.cuda, this.info) = (cuda, info);
        readBack = new CudaReadBack(this);
        try
        {
            nint made = 0;
            Check(cuda.DevicePrimaryCtxRetain(&made, info.Handle), "a context");
            context = made;
            Use();
            Check(cuda.StreamCreate(&made, NonBlockingStream), "a stream");
            stream = made;
            void* locked = null;
            Check(cuda.MemHostAlloc(&locked, stagingBytes, 0), $"{stagingBytes:N0} bytes of page-locked memory");
            staging = new CudaStaging((byte*)locked, stagingBytes);
            module = Compile(ptx);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Gives a forgotten device back.</summary>
    ~CudaDevice() => Dispose(false);

    /// <inheritdoc/>
    public override string Description => info.ToString();

    /// <inheritdoc/>
    public override GpuBuffer Allocate(long bytes)
    {
        Use();
        nint buffer = 0;
        Check(cuda.MemAlloc(&buffer, (nint)bytes), $"{bytes:N0} bytes of memory");
        buffers.Add(buffer);
        return new GpuBuffer(buffer);
    }

    /// <inheritdoc/>
    public override GpuKernel Kernel(string name)
    {
        Use();
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
        {
            nint kernel = 0;
            Check(cuda.ModuleGetFunction(&kernel, module, text), $"kernel {name}");
            return new GpuKernel(kernel);
        }
    }

    /// <inheritdoc/>
    public override void Write(GpuBuffer buffer, ReadOnlySpan<byte> values)
    {
        Use();
        nint to = buffer.Handle;
        while (values.Length > 0)
        {
            if (staging.Room == 0)
            {
                Wait();
            }

            int bytes = Math.Min(values.Length, staging.Room);
            byte* from = staging.Take(bytes);
            values[..bytes].CopyTo(new Span<byte>(from, bytes));
            Check(cuda.MemcpyHtoDAsync(to, from, bytes, stream), "a copy to the device");
            values = values[bytes..];
            to += bytes;
        }

        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    public override void Read(GpuBuffer buffer, Span<byte> values)
    {
        Use();
        Wait(); // the staging memory is free now
        nint from = buffer.Handle;
        while (values.Length > 0)
        {
            int bytes = Math.Min(values.Length, staging.Size);
            Check(cuda.MemcpyDtoHAsync(staging.Start, from, bytes, stream), "a copy from the device");
            Wait();
            new Span<byte>(staging.Start, bytes).CopyTo(values);
            values = values[bytes..];
            from += bytes;
        }

        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    public override void StartRead(GpuBuffer buffer, int bytes)
    {
        Use();
        readBack.Start(buffer, bytes);
        stagedBefore = staging.Used;
        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    public override void EndRead(Span<byte> values)
    {
        Use();
        readBack.End(values);
        if (staging.Used == stagedBefore)
        {
            staging.Clear(); // all copies to the device came before: they are done
        }

        GC.KeepAlive(this);
    }

    /// <summary>Nothing: where a launch fails its context is lost, and no other takes place in it.</summary>
    public override void Secure()
    {
    }

    /// <inheritdoc/>
    public override void Launch(GpuKernel kernel, int x, int y, int z, params ReadOnlySpan<GpuArgument> arguments)
    {
        Use();
        void** values = stackalloc void*[arguments.Length];
        fixed (GpuArgument* given = arguments)
        {
            for (int i = 0; i < arguments.Length; i++)
            {
                values[i] = given + i; // the bits come first; the driver takes as many bytes as the kernel's parameter has, and cannot check more
            }

            Check(cuda.LaunchKernel(kernel.Handle, (uint)x, (uint)y, (uint)z, Group, 1, 1, 0, stream, values, null), "a launch");
        }

        GC.KeepAlive(this);
    }

    /// <summary>The driver, for what the engine itself does not need.</summary>
    internal CudaDriver Driver => cuda;

    /// <summary>The stream that all takes place in.</summary>
    internal nint Stream => stream;

    /// <summary>What the driver's compiler made of a kernel: registers of a work-item, bytes of local memory (registers that did not suffice) and of shared memory.</summary>
    internal (int Registers, int LocalBytes, int SharedBytes) Resources(GpuKernel kernel)
    {
        Use();
        return (Attribute(Registers), Attribute(LocalBytes), Attribute(SharedBytes));

        int Attribute(int which)
        {
            int value = 0;
            Check(cuda.FuncGetAttribute(&value, which, kernel.Handle), "a kernel's attribute");
            return value;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (gate)
        {
            if (context == 0)
            {
                return;
            }

            cuda.CtxSetCurrent(context);
            if (stream != 0)
            {
                cuda.StreamSynchronize(stream);
                cuda.StreamDestroy(stream);
            }

            buffers.ForEach(buffer => cuda.MemFree(buffer));
            buffers.Clear();
            readBack.Free();
            if (staging.Start != null)
            {
                cuda.MemFreeHost(staging.Start);
            }

            if (module != 0)
            {
                cuda.ModuleUnload(module);
            }

            cuda.CtxSetCurrent(0);
            cuda.DevicePrimaryCtxRelease(info.Handle);
            (staging, stream, module, context) = (default, 0, 0, 0);
        }
    }

    private nint Compile(ReadOnlySpan<byte> ptx)
    {
        byte* log = stackalloc byte[LogBytes];
        *log = 0;
        int* options = stackalloc int[] { ErrorLog, ErrorLogSize };
        void** values = stackalloc void*[] { log, (void*)LogBytes };
        nint made = 0;
        int error;
        fixed (byte* text = ptx)
        {
            error = cuda.ModuleLoadDataEx(&made, text, 2, options, values);
        }

        if (error != 0)
        {
            var said = new ReadOnlySpan<byte>(log, LogBytes);
            string words = Encoding.UTF8.GetString(said[..Math.Max(0, said.IndexOf((byte)0))]).Trim();
            throw new GpuException(
                $"{info} cannot compile the kernels: {cuda.Words(error)}. {Advice(error)}" +
                (words.Length > 0 ? $" It says: {words}" : ""), error);
        }

        return made;
    }

    private static string Advice(int error) => error switch
    {
        221 => "The driver's compiler, libnvidia-ptxjitcompiler.so.1 or nvptxJitCompiler64.dll, is missing: containers need it beside libcuda.",
        222 => "A newer driver can: from CUDA 11.0 on (450.36).",
        223 => "The environment variable CUDA_DISABLE_PTX_JIT forbids it.",
        _ => $"A newer driver may, or the same card through OpenCL ({GpuSearch.Variable}=OpenCL).",
    };

    /// <summary>Makes the context the calling thread's.</summary>
    internal void Use() => Check(cuda.CtxSetCurrent(context), "its context");

    private void Wait()
    {
        Check(cuda.StreamSynchronize(stream), "the launches");
        staging.Clear();
    }

    /// <summary>Throws what the driver says of an error.</summary>
    internal void Check(int error, string what)
    {
        if (error != 0)
        {
            throw new GpuException($"{info} refused {what}: {cuda.Words(error)}.{Hint(error)}", error);
        }
    }

    private static string Hint(int error) => error switch
    {
        2 => " A smaller batch needs less memory.",
        700 or 702 or 710 or (>= 714 and <= 719) => " A launch before failed; this process can use the card no more.",
        _ => "",
    };
}
