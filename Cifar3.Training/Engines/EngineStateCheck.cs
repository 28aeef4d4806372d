namespace Cifar3.Training;

/// <summary>Whether Adam's state and a model belong together.</summary>
internal static class EngineStateCheck
{
    /// <summary>The first difference in words, with the remedy; null when moments and weights are the model's.</summary>
    public static string? DifferenceFrom(this EngineState state, CnnModel model)
    {
        if (new[] { state.Weights, state.AdamM, state.AdamV }.Any(list => list is null || list.Contains(null!)))
        {
            return "Adam's state has null among its weights and moments. Give the one that ExportState or KerasFile.Load gave.";
        }

        var expected = EngineState.Initial(model).AdamM;
        foreach (var moments in new[] { state.AdamM, state.AdamV })
        {
            if (!moments.Select(m => m.ToString()).SequenceEqual(expected.Select(m => m.ToString())))
            {
                return $"Adam's state does not belong to the model. Expected moments for {string.Join(", ", expected)}. Received: {string.Join(", ", moments)}.";
            }
        }

        return state.Weights.Zip(model.Weights).All(pair => pair.First.Name == pair.Second.Name && pair.First.Values.SequenceEqual(pair.Second.Values))
            ? null
            : "Adam's state belongs to other weights than the model's. Give the model and the state of one file, or a model made of state.Weights.";
    }
}
