using System.Text;

namespace Cifar3.Training;

/// <summary>A graph under construction: adds operators, each under a unique name.</summary>
internal sealed class GraphBuilder(GraphHandle graph)
{
    public GraphHandle Handle => graph;

    /// <summary>Starts an operator; <see cref="OperationBuilder.Finish"/> adds it to the graph.</summary>
    /// <param name="type">TensorFlow's operator type, such as <c>Conv2D</c>.</param>
    /// <param name="name">A name that no other operator of the graph has.</param>
    /// <param name="inputs">All inputs in the operator's order.</param>
    public OperationBuilder Begin(string type, string name, params ReadOnlySpan<Output> inputs)
    {
        var builder = new OperationBuilder(TensorFlowApi.TF_NewOperation(graph, type, name), type, name);
        foreach (var input in inputs)
        {
            TensorFlowApi.TF_AddInput(builder.Description, input);
        }

        return builder;
    }

    /// <summary>Adds an operator that needs no attributes.</summary>
    public Operation Add(string type, string name, params ReadOnlySpan<Output> inputs) => Begin(type, name, inputs).Finish();

    /// <summary>x as another type.</summary>
    public Output Cast(string name, Output x, DataType type) => Begin("Cast", name, x).Type("DstT", type).Finish();

    /// <summary>A value that each run feeds. TensorFlow does not check the shape of what is fed: the caller must.</summary>
    public Output Placeholder(string name, DataType type, params ReadOnlySpan<long> shape) =>
        Begin("Placeholder", name).Type("dtype", type).Shape("shape", shape).Finish();

    public Output Const(string name, params ReadOnlySpan<int> values) => Const(name, DataType.Int32, values, values.Length);

    /// <summary>An int32 matrix, row after row.</summary>
    public Output Matrix(string name, int columns, params ReadOnlySpan<int> values) => Const(name, DataType.Int32, values, values.Length / columns, columns);

    public Output Const(string name, float value) => Const<float>(name, DataType.Float, [value]);

    public Output Scalar(string name, int value) => Const<int>(name, DataType.Int32, [value]);

    /// <summary>A float vector without elements, for the optional inputs of batch normalization.</summary>
    public Output EmptyFloats(string name) => Const<float>(name, DataType.Float, [], 0);

    private Output Const<T>(string name, DataType type, ReadOnlySpan<T> values, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        using var tensor = Tensor.Create(type, values, shape);
        return Begin("Const", name).Type("dtype", type).Value("value", tensor).Finish();
    }
}

/// <summary>One operator being described. Every chain must end in <see cref="Finish"/>, which also frees the description.</summary>
internal readonly unsafe ref struct OperationBuilder(nint description, string type, string name)
{
    public nint Description => description;

    /// <summary>Adds an input that is itself a list, such as all that <c>AddN</c> adds; it comes after the inputs given to Begin.</summary>
    public OperationBuilder List(params ReadOnlySpan<Output> inputs)
    {
        fixed (Output* pointer = inputs)
        {
            TensorFlowApi.TF_AddInputList(description, pointer, inputs.Length);
        }

        return this;
    }

    /// <summary>Adds an input after a list.</summary>
    public OperationBuilder Input(Output input)
    {
        TensorFlowApi.TF_AddInput(description, input);
        return this;
    }

    public OperationBuilder After(Operation operation)
    {
        TensorFlowApi.TF_AddControlInput(description, operation);
        return this;
    }

    public OperationBuilder After(IEnumerable<Operation> operations)
    {
        foreach (var operation in operations)
        {
            TensorFlowApi.TF_AddControlInput(description, operation);
        }

        return this;
    }

    public OperationBuilder Type(string attribute, DataType value)
    {
        TensorFlowApi.TF_SetAttrType(description, attribute, value);
        return this;
    }

    public OperationBuilder Shape(string attribute, params ReadOnlySpan<long> dims)
    {
        fixed (long* pointer = dims)
        {
            TensorFlowApi.TF_SetAttrShape(description, attribute, pointer, dims.Length);
        }

        return this;
    }

    public OperationBuilder Value(string attribute, Tensor value)
    {
        using var status = TensorFlowStatus.Create();
        TensorFlowApi.TF_SetAttrTensor(description, attribute, value.Handle, status); // a refusal shows again in Finish
        return this;
    }

    public OperationBuilder Text(string attribute, string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        fixed (byte* pointer = bytes)
        {
            TensorFlowApi.TF_SetAttrString(description, attribute, pointer, (nuint)bytes.Length);
        }

        return this;
    }

    public OperationBuilder Ints(string attribute, params ReadOnlySpan<long> values)
    {
        fixed (long* pointer = values)
        {
            TensorFlowApi.TF_SetAttrIntList(description, attribute, pointer, values.Length);
        }

        return this;
    }

    public OperationBuilder Int(string attribute, long value)
    {
        TensorFlowApi.TF_SetAttrInt(description, attribute, value);
        return this;
    }

    public OperationBuilder Float(string attribute, double value)
    {
        TensorFlowApi.TF_SetAttrFloat(description, attribute, (float)value);
        return this;
    }

    public OperationBuilder Bool(string attribute, bool value)
    {
        TensorFlowApi.TF_SetAttrBool(description, attribute, value ? (byte)1 : (byte)0);
        return this;
    }

    /// <summary>Adds the operator to the graph.</summary>
    /// <exception cref="TensorFlowException">TensorFlow refuses it; the graph is as it was.</exception>
    public Operation Finish()
    {
        using var status = TensorFlowStatus.Create();
        nint operation = TensorFlowApi.TF_FinishOperation(description, status);
        status.ThrowIfFailed($"an operator of type {type}", name);
        return new Operation(operation);
    }
}
