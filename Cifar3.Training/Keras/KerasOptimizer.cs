using System.Text.Json;

namespace Cifar3.Training;

/// <summary>Adam's state in a Keras file: the settings from its JSON, the moments from its arrays.</summary>
internal static class KerasOptimizer
{
    /// <summary>Adam's settings as the file tells them.</summary>
    /// <param name="LearningRate">The learning rate; null when none is told or it is a schedule.</param>
    /// <param name="Problem">Why training cannot continue from the moments here; null when it can.</param>
    public sealed record Settings(double? LearningRate, string? Problem);

    /// <summary>Reads <c>compile_config</c> or <c>training_config</c>; null when the model was not compiled.</summary>
    public static Settings? Read(JsonElement? training)
    {
        if (training is not { } compiled || (KerasConfig.Get(compiled, "optimizer_config") ?? KerasConfig.Get(compiled, "optimizer")) is not { } optimizer)
        {
            return null;
        }

        string kind = optimizer.ValueKind == JsonValueKind.String ? optimizer.GetString()! : KerasConfig.Text(optimizer, "class_name") ?? "unknown";
        if (!kind.Split('>')[^1].Equals("Adam", StringComparison.OrdinalIgnoreCase))
        {
            return new Settings(null, $"its optimizer is {kind}, not Adam");
        }

        if (optimizer.ValueKind == JsonValueKind.String)
        {
            return new Settings(1e-3, null); // compile("adam"): Keras' defaults
        }

        var config = KerasConfig.Get(optimizer, "config") ?? default;
        double? rate = KerasConfig.Number(config, "learning_rate") ?? KerasConfig.Number(config, "lr");
        string? problem =
            Other("beta_1", AdamOptimizer.Beta1) ?? Other("beta_2", AdamOptimizer.Beta2) ?? Other("epsilon", AdamOptimizer.Epsilon) ?? Other("decay", 0)
            ?? On("amsgrad") ?? On("use_ema") ?? Given("weight_decay") ?? Given("clipnorm") ?? Given("global_clipnorm") ?? Given("clipvalue") ?? Given("gradient_accumulation_steps");
        return new Settings(rate, problem);

        string? Other(string name, double expected) =>
            KerasConfig.Number(config, name) is { } found && Math.Abs(found - expected) > 1e-6 * Math.Max(expected, 1e-7) ? $"its Adam has {name} {found}, not {expected}" : null;

        string? On(string name) => KerasConfig.Get(config, name) is { ValueKind: JsonValueKind.True } ? $"its Adam has {name} on" : null;

        string? Given(string name) => KerasConfig.Number(config, name) is { } value && value != 0 ? $"its Adam has {name} {value}" : null;
    }

    /// <summary>
    /// Sorts the optimizer's arrays into step, first and second moments. All generations of Keras store the step first, some then the
    /// learning rate; moments come in pairs (Keras 2.11 and newer) or all first moments before all second ones (older), which the
    /// shapes tell apart. Keras 2.3 adds one empty array a weight for AMSGrad.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="paths">The arrays' paths in Keras' order.</param>
    /// <param name="model">The network they belong to.</param>
    /// <param name="convert">Reads one array after its shape has been checked.</param>
    /// <returns>The state, null when the optimizer had not made a step; and the learning rate, null when it is not among the arrays.</returns>
    /// <exception cref="Cifar3ModelException">The arrays do not belong to this network.</exception>
    public static (EngineState? State, double? LearningRate) State(Hdf5Reader file, IReadOnlyList<string> paths, CnnModel model, Func<string, float[]> convert)
    {
        if (paths.Count == 0)
        {
            return (null, null);
        }

        long step = file.Integer(paths[0]);
        var trainable = EngineState.Initial(model).AdamM;
        var arrays = paths.Skip(1).Select(path => (Path: path, Shape: file.Shape(path))).ToList();
        double? rate = null;
        if (arrays.Count % trainable.Count == 1 && arrays[0].Shape.Count == 0)
        {
            rate = convert(arrays[0].Path)[0];
            arrays.RemoveAt(0);
        }

        if (arrays.Count == 3 * trainable.Count && arrays.Skip(2 * trainable.Count).All(a => a.Shape is [1]))
        {
            arrays.RemoveRange(2 * trainable.Count, trainable.Count);
        }

        if (arrays.Count == 0 && step == 0)
        {
            return (null, rate);
        }

        if (step < 0 || arrays.Count != 2 * trainable.Count)
        {
            throw new Cifar3ModelException($"Adam's state is at step {step:N0} with {arrays.Count} arrays. Expected a step of 0 or more with {2 * trainable.Count} arrays, two for each of the {trainable.Count} trainable weights.");
        }

        bool pairs = arrays[1].Shape.SequenceEqual(trainable[0].Shape);
        var state = new EngineState(
            model.Weights,
            Moments("first", i => pairs ? 2 * i : i),
            Moments("second", i => pairs ? 2 * i + 1 : trainable.Count + i),
            step);
        return (state, rate);

        IReadOnlyList<WeightTensor> Moments(string which, Func<int, int> index) => [.. trainable.Select((weight, i) => Moment(weight, which, arrays[index(i)]))];

        WeightTensor Moment(WeightTensor weight, string which, (string Path, IReadOnlyList<int> Shape) array)
        {
            if (!array.Shape.SequenceEqual(weight.Shape))
            {
                throw new Cifar3ModelException($"Adam's {which} moment of '{weight.Name}' ('{array.Path}') has another shape. Expected ({string.Join(", ", weight.Shape)}), found ({string.Join(", ", array.Shape)}).");
            }

            float[] values = convert(array.Path);
            int bad = values.AsSpan().IndexOfAnyExceptInRange(which == "second" ? 0 : float.MinValue, float.MaxValue);
            return bad < 0
                ? new WeightTensor(weight.Name, weight.Shape, values)
                : throw new Cifar3ModelException($"Adam's {which} moment of '{weight.Name}' is damaged: element {bad:N0} is {values[bad]}. Expected a finite number{(which == "second" ? " of 0 or more" : "")}.");
        }
    }
}
