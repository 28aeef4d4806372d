using System.Collections.Immutable;
using System.Text;

namespace Cifar3;

/// <summary>What every source and every meeting of a model with data does with class names.</summary>
/// <remarks>
/// Names are compared in Unicode's normal form C, for the same name reaches a disk in form C from Windows and Linux and in form D from old macOS;
/// letter case and blanks count.
/// </remarks>
internal static class ClassList
{
    /// <summary>A name in normal form C, in which names are kept and compared; as it is where it is no sound text.</summary>
    public static string Normal(string name)
    {
        try
        {
            return ComposedText.Of(name.Normalize(NormalizationForm.FormC)); // .NET's own does nothing in a program without cultures
        }
        catch (ArgumentException)
        {
            return name; // half a surrogate pair, which Windows allows in names
        }
    }

    /// <summary>What to do about more classes than the network has outputs for, to be put behind the number that is there.</summary>
    public const string TooManyRemedy = "Join classes, or leave some out (of folders with DataOptions.Classes, of a data view before MapValueToKey); ML.NET's ImageClassification takes more.";

    /// <summary>Refuses fewer than 2 or more than 100 classes, equal names, and what names nothing.</summary>
    /// <param name="classes">The names.</param>
    /// <param name="where">The folder or option they come from.</param>
    /// <exception cref="Cifar3DataException">There are too few or too many, or two are equal.</exception>
    public static void Check(IReadOnlyList<string> classes, string where)
    {
        if (classes.Count is < CnnArchitecture.MinClasses or > CnnArchitecture.MaxClasses)
        {
            string found = classes.Count switch { 0 => "none", 1 => $"one, '{Shown.Text(classes[0])}'", _ => $"{classes.Count}" };
            throw new Cifar3DataException($"There are too {(classes.Count > 1 ? "many" : "few")} classes in {where}. Expected {CnnArchitecture.MinClasses} to {CnnArchitecture.MaxClasses}. Found {found}. {(classes.Count > 1 ? TooManyRemedy : "A classifier needs at least two classes to tell apart.")}");
        }

        CheckDistinct(classes, where);
    }

    /// <summary>Refuses equal names, and what names nothing.</summary>
    /// <exception cref="Cifar3DataException">Two are equal, or one is empty, blank or too long.</exception>
    public static void CheckDistinct(IReadOnlyList<string> classes, string where)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string name in classes)
        {
            if (string.IsNullOrWhiteSpace(name) || name.Length > ModelMetadata.MaxNameLength)
            {
                throw new Cifar3DataException(FormattableString.Invariant($"A class' name must have 1 to {ModelMetadata.MaxNameLength:N0} characters that are no blanks only (in {where}). Received: {(name is null ? "null" : $"'{Shown.Text(name, 60)}' of {name.Length:N0} characters")}. Give the class a name, or leave its images out."));
            }

            if (!seen.Add(Normal(name)))
            {
                throw new Cifar3DataException($"Class '{Shown.Text(name)}' is there twice in {where} ({Shown.Names(classes)}); names that look alike may differ in their Unicode form only, which does not count. Give each class a name of its own.");
            }
        }
    }

    /// <summary>In what two lists of names differ, in words; null where they have the same names, in whatever order.</summary>
    public static string? Difference(IReadOnlyList<string> first, string firstName, IReadOnlyList<string> second, string secondName)
    {
        string[] missing = [.. first.ExceptBy(second.Select(Normal), Normal)], extra = [.. second.ExceptBy(first.Select(Normal), Normal)];
        if (missing.Length + extra.Length == 0)
        {
            return null;
        }

        string difference = string.Join("; ", new[] { (firstName, missing), (secondName, extra) }.Where(d => d.Item2.Length > 0).Select(d => $"only in {d.Item1}: {Shown.Names(d.Item2)}"));
        bool Alike(Func<string, string> form) => missing.Select(form).Intersect(extra.Select(form)).Any();
        return difference
            + (Alike(name => name.ToUpperInvariant()) ? "; names differ in upper and lower case" : "")
            + (Alike(name => name.Trim()) ? "; names differ in blanks at their ends" : "");
    }

    /// <summary>
    /// The place of each of a data set's classes among a model's: the same name; else another name of the same CIFAR-10 class (airplane,
    /// aeroplane, plane; automobile, car).
    /// </summary>
    /// <param name="data">The data's class names, all different.</param>
    /// <param name="model">The model's class names.</param>
    /// <returns>For each class of the data its index in the model; null where one is not there.</returns>
    public static int[]? Places(IReadOnlyList<string> data, IReadOnlyList<string> model)
    {
        var places = new int[data.Count];
        for (int i = 0; i < places.Length; i++)
        {
            places[i] = Find(data[i], model);
        }

        return places.Contains(-1) || places.Distinct().Count() < places.Length ? null : places;
    }

    /// <summary>What is wrong where names given for a model's outputs are those that the model tells, in another order: a data set's, with which a picture of one class would be called by the name of another. Null where they are not.</summary>
    /// <param name="given">The names given, all different.</param>
    /// <param name="own">The names that the model tells, in the order of its outputs.</param>
    public static string? OtherOrder(IReadOnlyList<string> given, IReadOnlyList<string> own) =>
        given.Count == own.Count && Places(given, own) is { } places && places.Index().Any(place => place.Item != place.Index)
            ? $"outputs are {Shown.Names(own)}, in this order, and the same names were given in another: {Shown.Names(given)}"
            : null;

    /// <summary>The index of a name in a list: the same name in any Unicode form, else another name of the same CIFAR-10 class; -1 where there is none.</summary>
    public static int Find(string name, IReadOnlyList<string> names)
    {
        string normal = Normal(name);
        int published = Cifar10Classes.Find(name), synonym = -1;
        for (int i = 0; i < names.Count; i++)
        {
            if (Normal(names[i]) == normal)
            {
                return i;
            }

            synonym = published >= 0 && Cifar10Classes.Find(names[i]) == published ? i : synonym;
        }

        return synonym;
    }
}
