using System.Text.Json;

namespace Cifar3.Training;

/// <summary>Adam's state in a Keras file: the settings from its JSON, the moments from its arrays.</summary>
internal static class KerasOptimizer
{
    /// <summary>Adam's settings as the file tells them.</summary>
    /// <param name="LearningRate">The learning rate; null when none is told or it is a schedule.</param>
    /// <param name="Problem">Why training cannot continue from the moments here; null when it can.</param>
    /// <param name="FollowsSchedule">Whether the learning rate changes by a schedule of its own.</param>
    public sealed record Settings(double? LearningRate, string? Problem, bool FollowsSchedule = false);

    /// <summary>Reads <c>compile_config</c> or <c>training_config</c>; null when the model was not compiled.</summary>
    public static Settings? Read(JsonElement? training)
    {
        if (training is not { } compiled || (KerasJson.Get(compiled, "optimizer_config") ?? KerasJson.Get(compiled, "optimizer")) is not { } optimizer)
        {
            return null;
        }

        string kind = optimizer.ValueKind == JsonValueKind.String ? optimizer.GetString()! : KerasJson.Text(optimizer, "class_name") ?? "unknown";
        if (!kind.Split('>')[^1].Equals("Adam", StringComparison.OrdinalIgnoreCase))
        {
            string wrapped = KerasJson.Get(optimizer, "config") is { } settings && KerasJson.Get(settings, "inner_optimizer") is { } inner ? $" around {KerasJson.Text(inner, "class_name")}" : "";
            return new Settings(null, $"its optimizer is {kind}{wrapped}, not Adam");
        }

        if (optimizer.ValueKind == JsonValueKind.String)
        {
            return new Settings(1e-3, null); // compile("adam"): Keras' defaults
        }

        var config = KerasJson.Get(optimizer, "config") ?? default;
        double? rate = KerasJson.Number(config, "learning_rate") ?? KerasJson.Number(config, "lr");
        bool follows = KerasJson.Get(config, "learning_rate") is { ValueKind: JsonValueKind.Object };
        string? problem =
            (follows ? null : NoNumber("learning_rate") ?? NoNumber("lr")) ?? Other("beta_1", AdamOptimizer.Beta1) ?? Other("beta_2", AdamOptimizer.Beta2) ?? Other("epsilon", AdamOptimizer.Epsilon) ?? Other("decay", 0)
            ?? On("amsgrad") ?? On("use_ema") ?? Given("weight_decay") ?? Given("clipnorm") ?? Given("global_clipnorm") ?? Given("clipvalue") ?? Given("gradient_accumulation_steps");
        return new Settings(rate, problem, follows);

        string? NoNumber(string name) =>
            KerasJson.Get(config, name) is { ValueKind: not JsonValueKind.Number } found ? $"its Adam has {name} {Shown.Text(found.GetRawText(), 80)}, which is no number" : null;

        string? Other(string name, double expected) =>
            NoNumber(name) ?? (KerasJson.Number(config, name) is { } found && Math.Abs(found - expected) > 1e-6 * Math.Max(expected, 1e-7) ? FormattableString.Invariant($"its Adam has {name} {found}, not {expected}") : null);

        string? On(string name) => KerasJson.Get(config, name) is { ValueKind: not JsonValueKind.False } ? $"its Adam has {name} on" : null;

        string? Given(string name) =>
            KerasJson.Get(config, name) is { ValueKind: JsonValueKind.False } ? null
            : NoNumber(name) ?? (KerasJson.Number(config, name) is { } value && value != 0 ? FormattableString.Invariant($"its Adam has {name} {value}") : null);
    }

    /// <summary>
    /// Sorts the optimizer's arrays into step, first and second moments. All generations of Keras store the step first, some then the
    /// learning rate; moments come in pairs (Keras 2.11 and newer) or all first moments before all second ones (older), which the
    /// shapes tell apart. Keras 2.3 adds one empty array a weight for AMSGrad.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="paths">The arrays' paths in Keras' order, at least one.</param>
    /// <param name="model">The network they belong to.</param>
    /// <param name="read">Reads one array, after its shape has been checked, and converts it as the weight that it belongs to.</param>
    /// <returns>The state, null when the optimizer had not made a step; the learning rate, null when it is not among the arrays; and what is wrong with them, null when nothing is.</returns>
    public static (EngineState? State, double? LearningRate, string? Problem) State(Hdf5Reader file, IReadOnlyList<string> paths, CnnModel model, Func<WeightTensor, string, float[]> read)
    {
        if (file.Integer(paths[0]) is not { } step)
        {
            return (null, null, $"'{paths[0]}' is no number of steps");
        }

        var trainable = EngineState.Initial(model).AdamM;
        var arrays = paths.Skip(1).Select(path => (Path: path, Shape: file.Shape(path))).ToList();
        double? rate = null;
        if (arrays.Count % trainable.Count == 1 && arrays[0].Shape.Count == 0)
        {
            rate = file.Floats(arrays[0].Path, out _)[0];
            arrays.RemoveAt(0);
        }

        if (arrays.Count == 3 * trainable.Count && arrays.Skip(2 * trainable.Count).All(a => a.Shape is [1]))
        {
            arrays.RemoveRange(2 * trainable.Count, trainable.Count);
        }

        if (arrays.Count == 0 && step == 0)
        {
            return (null, rate, null);
        }

        if (step is < 0 or > EngineState.MaxStep || arrays.Count != 2 * trainable.Count)
        {
            return (null, rate, FormattableString.Invariant($"it is at step {step} with {arrays.Count} arrays, where Adam has a step of 0 or more and {2 * trainable.Count} arrays, two for each of the {trainable.Count} trainable weights"));
        }

        bool pairs = arrays[1].Shape.SequenceEqual(trainable[0].Shape);
        string? problem = null;
        var first = Moments("first", i => pairs ? 2 * i : i);
        var second = Moments("second", i => pairs ? 2 * i + 1 : trainable.Count + i);
        return problem is null ? (new EngineState(model.Weights, first, second, step), rate, null) : (null, rate, problem);

        List<WeightTensor> Moments(string which, Func<int, int> index)
        {
            var moments = new List<WeightTensor>();
            for (int i = 0; i < trainable.Count && problem is null; i++)
            {
                var (weight, array) = (trainable[i], arrays[index(i)]);
                if (!array.Shape.SequenceEqual(weight.Shape))
                {
                    problem = $"the {which} moment of '{weight.Name}' ('{array.Path}') has the shape ({string.Join(", ", array.Shape)}), not ({string.Join(", ", weight.Shape)})";
                    break;
                }

                float[] values = read(weight, array.Path);
                int bad = values.AsSpan().IndexOfAnyExceptInRange(which == "second" ? 0 : float.MinValue, float.MaxValue);
                if (bad >= 0)
                {
                    problem = FormattableString.Invariant($"element {bad} of the {which} moment of '{weight.Name}' is {values[bad]}, not a finite number{(which == "second" ? " of 0 or more" : "")}");
                    break;
                }

                moments.Add(new WeightTensor(weight.Name, weight.Shape, values));
            }

            return moments;
        }
    }
}
