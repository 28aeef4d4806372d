namespace Cifar3.Training;

/// <summary>A model to go on from, made one of the classes that the images have, whatever file it came from.</summary>
/// <param name="Model">The model, whose classes are the images', in their order.</param>
/// <param name="State">Adam's state that belongs to it; null where there is none, or where it belongs to another dense layer.</param>
/// <param name="Note">What was done about the classes, in a sentence; null where they were the same.</param>
internal sealed record StartModel(CnnModel Model, EngineState? State, string? Note)
{
    /// <summary>
    /// Keeps the dense layer where its outputs can be taken for the images' classes: they have the same names, in whatever order, or the file names none and there are as many. Else the
    /// dense layer begins anew (<see cref="CnnModel.WithClasses"/>), for what it knows is of other things.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="state">Adam's state of the same file; null where there is none.</param>
    /// <param name="name">What the note calls the model.</param>
    /// <param name="classes">The images' classes.</param>
    /// <param name="seed">The seed of a new dense layer.</param>
    public static StartModel For(CnnModel model, EngineState? state, string name, IReadOnlyList<string> classes, int seed)
    {
        if (model.ClassNames.SequenceEqual(classes))
        {
            return new StartModel(model, state, null);
        }

        int[] asTheyAre = [.. Enumerable.Range(0, classes.Count)];
        if (model.ClassNames.SequenceEqual(asTheyAre.Select(i => $"class_{i}"))) // what a file without names is read with
        {
            return new StartModel(model.WithOrder(classes, asTheyAre), state, $"'{Shown.Path(name)}' names no classes: its outputs are taken for {Shown.Names(classes)}, in this order.");
        }

        if (model.ClassNames.Length == classes.Count && ClassList.Places(classes, model.ClassNames) is { } places)
        {
            return new StartModel(model.WithOrder(classes, places), places.SequenceEqual(asTheyAre) ? state : null, $"The classes of '{Shown.Path(name)}', {Shown.Names(model.ClassNames)}, are taken as the pictures have them: {Shown.Names(classes)}.");
        }

        return new StartModel(
            model.WithClasses(classes, seed),
            null,
            $"'{Shown.Path(name)}' knows other classes, {Shown.Names(model.ClassNames)}: its last layer begins anew for those of the pictures, {Shown.Names(classes)}; the layers before it are kept.");
    }
}
