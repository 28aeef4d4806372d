namespace Cifar3.Training;

/// <summary>What a callback keeps in a training checkpoint: numbers and models by name.</summary>
public sealed class CallbackState
{
    private readonly Dictionary<string, double> numbers = [];
    private readonly Dictionary<string, CnnModel> models = [];

    internal IReadOnlyDictionary<string, double> Numbers => numbers;

    internal IReadOnlyDictionary<string, CnnModel> Models => models;

    internal bool IsEmpty => numbers.Count == 0 && models.Count == 0;

    /// <summary>Stores a number; null stores nothing.</summary>
    /// <param name="name">Its name within the callback.</param>
    /// <param name="value">The number.</param>
    public void Set(string name, double? value)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (value is { } number)
        {
            numbers[name] = number;
        }
    }

    /// <summary>Stores a model of this training, as <see cref="TrainingContext.Model"/> gave it; null stores nothing. Another training's would come back as this one's, or not at all: one that could not be read again ends the training when the checkpoint is written.</summary>
    /// <param name="name">Its name within the callback.</param>
    /// <param name="model">The model.</param>
    public void Set(string name, CnnModel? model)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (model is not null)
        {
            models[name] = model;
        }
    }

    /// <summary>A stored number.</summary>
    /// <param name="name">Its name within the callback.</param>
    /// <returns>The number; null where none was stored.</returns>
    public double? Number(string name) => numbers.TryGetValue(name, out double value) ? value : null;

    /// <summary>A stored model.</summary>
    /// <param name="name">Its name within the callback.</param>
    /// <returns>The model; null where none was stored.</returns>
    public CnnModel? Model(string name) => models.GetValueOrDefault(name);
}
