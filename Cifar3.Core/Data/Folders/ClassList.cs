namespace Cifar3;

/// <summary>Checks on lists of class names that every source shares.</summary>
internal static class ClassList
{
    /// <summary>Refuses fewer than 2 or more than 100 classes.</summary>
    /// <param name="classes">The names.</param>
    /// <param name="where">The folder or option they come from.</param>
    /// <exception cref="Cifar3DataException">There are too few or too many.</exception>
    public static void CheckCount(IReadOnlyList<string> classes, string where)
    {
        if (classes.Count is < CnnArchitecture.MinClasses or > CnnArchitecture.MaxClasses)
        {
            string found = classes.Count switch { 0 => "none", 1 => $"one, '{classes[0]}'", _ => $"{classes.Count:N0}" };
            throw new Cifar3DataException($"There are too {(classes.Count > 1 ? "many" : "few")} classes in {where}. Expected {CnnArchitecture.MinClasses} to {CnnArchitecture.MaxClasses}. Found {found}. A classifier needs at least two classes to tell apart.");
        }
    }
}
