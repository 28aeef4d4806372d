using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>"Default: X" in the documentation is the value that the code has, for every option and every optional parameter.</summary>
public sealed partial class DocumentedDefaultsTests
{
    private static readonly Assembly[] Libraries = [typeof(CnnModel).Assembly, typeof(Cifar3Trainer).Assembly];

    private static readonly Dictionary<string, XElement> Documentation = Libraries
        .SelectMany(library => XDocument.Load(Path.ChangeExtension(library.Location, ".xml")).Descendants("member"))
        .DistinctBy(member => (string)member.Attribute("name")!) // generated helpers come with every library
        .ToDictionary(member => (string)member.Attribute("name")!);

    private static IEnumerable<Type> OptionTypes => Libraries.SelectMany(library => library.GetExportedTypes())
        .Where(type => (type.Name.EndsWith("Options", StringComparison.Ordinal) || type == typeof(Recipe)) && type.GetConstructor(Type.EmptyTypes) is not null);

    [Test]
    public void OptionTypes_AreFound()
    {
        Assert.That(OptionTypes, Is.SupersetOf(new[] { typeof(ClassifierOptions), typeof(TrainerOptions), typeof(TensorFlowOptions) }));
    }

    [TestCaseSource(nameof(OptionTypes))]
    public void Option_StatedDefault_IsTheReal(Type type)
    {
        object options = Activator.CreateInstance(type)!;
        Assert.Multiple(() =>
        {
            foreach (var property in type.GetProperties().Where(property => property.CanWrite && !property.IsDefined(typeof(RequiredMemberAttribute))))
            {
                string documentation = Inner(Documentation[$"P:{TypeName(property.DeclaringType!)}.{property.Name}"].Element("summary"));
                Check($"{type.Name}.{property.Name}", documentation, property.GetValue(options), property.PropertyType);
            }
        });
    }

    [Test]
    public void OptionalParameter_StatedDefault_IsTheReal()
    {
        var methods = Libraries.SelectMany(library => library.GetExportedTypes()).Where(type => !type.Name.StartsWith('<')) // the inside of extension blocks
            .SelectMany(type => type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .OfType<MethodBase>().Where(method => method.GetParameters().Any(parameter => parameter.HasDefaultValue)).ToList();
        Assert.That(methods, Has.Count.GreaterThan(20));
        Assert.Multiple(() =>
        {
            foreach (var method in methods)
            {
                foreach (var parameter in method.GetParameters().Where(p => p.HasDefaultValue && p.ParameterType != typeof(CancellationToken)))
                {
                    foreach (string documentation in ParameterTexts(method, parameter.Name!))
                    {
                        Check($"{method.DeclaringType!.Name}.{method.Name}({parameter.Name})", documentation, parameter.DefaultValue, parameter.ParameterType);
                    }
                }
            }
        });
    }

    private static void Check(string what, string documentation, object? real, Type type)
    {
        var stated = Default().Match(documentation);
        if (!stated.Success)
        {
            Assert.Fail($"{what} does not say 'Default: …'; it is {real ?? "null"}: {documentation}");
        }
        else if (!Agrees(stated.Groups["value"].Value, real, Nullable.GetUnderlyingType(type) ?? type))
        {
            Assert.Fail($"{what} says 'Default: {stated.Groups["value"].Value}', the code has {real ?? "null"}.");
        }
    }

    private static bool Agrees(string stated, object? real, Type type)
    {
        if (Reference().Match(stated) is { Success: true } reference)
        {
            return Equals(Referenced(reference.Groups["type"].Value, reference.Groups["member"].Value), type.IsEnum && real is int ? Enum.ToObject(type, real) : real);
        }

        return real switch
        {
            null => !stated.StartsWith("true", StringComparison.Ordinal) && !stated.StartsWith("false", StringComparison.Ordinal) && !(type.IsPrimitive && Number().IsMatch(stated)),
            bool flag => stated.StartsWith(flag ? "true" : "false", StringComparison.Ordinal),
            Enum value => stated.Contains(value.ToString(), StringComparison.Ordinal),
            "" => stated.StartsWith("nothing", StringComparison.Ordinal),
            ',' => stated.StartsWith("a comma", StringComparison.Ordinal),
            string text => stated.Contains(text, StringComparison.Ordinal),
            IConvertible number when type.IsEnum => stated.Contains(Enum.ToObject(type, number).ToString()!, StringComparison.Ordinal),
            IConvertible number => Number().Matches(stated).Select(m => m.Value.Replace(",", "", StringComparison.Ordinal)).Contains(number.ToString(CultureInfo.InvariantCulture)),
            IEnumerable values => values.Cast<object>().ToList() is var list && list.Count == 0 ? stated.StartsWith("none", StringComparison.Ordinal) : Listed(list).Any(stated.Contains),
            CancellationToken => stated.StartsWith("none", StringComparison.Ordinal),
            _ => stated.StartsWith("all defaults", StringComparison.Ordinal) && real.Equals(AllDefaults(real.GetType())),
        };
    }

    private static object AllDefaults(Type type)
    {
        var constructor = type.GetConstructors().MinBy(constructor => constructor.GetParameters().Length)!;
        return constructor.Invoke([.. constructor.GetParameters().Select(parameter => parameter.DefaultValue)]);
    }

    private static IEnumerable<string> Listed(List<object> values)
    {
        var words = values.ConvertAll(value => Convert.ToString(value, CultureInfo.InvariantCulture)!);
        return words.Distinct().Count() == 1 ? [$"{words[0]} each", string.Join(", ", words)] : [string.Join(", ", words)];
    }

    private static object? Referenced(string type, string member)
    {
        var found = Libraries.SelectMany(library => library.GetExportedTypes()).First(t => TypeName(t) == type);
        return found.GetProperty(member)?.GetValue(null) ?? found.GetField(member)!.GetValue(null);
    }

    /// <summary>What the documentation says of a parameter; of both methods where two differ in types alone.</summary>
    private static IEnumerable<string> ParameterTexts(MethodBase method, string parameter)
    {
        string name = $"M:{TypeName(method.DeclaringType!)}.{method.Name.Replace('.', '#')}";
        string[] names = [.. method.GetParameters().Select(p => p.Name!)];
        var texts = Documentation.Where(member => ExtensionBlock().Replace(member.Key, "") is var key && (key.StartsWith(name + "(", StringComparison.Ordinal) || key.StartsWith(name + "``", StringComparison.Ordinal)))
            .Select(member => member.Value.Elements("param").ToDictionary(p => (string)p.Attribute("name")!, Inner))
            .Where(texts => texts.Keys.SequenceEqual(names)).Select(texts => texts[parameter]).ToList();
        Assert.That(texts, Is.Not.Empty, $"documentation of {name}({string.Join(", ", names)})");
        return texts;
    }

    private static string TypeName(Type type) => type.FullName!.Replace('+', '.');

    private static string Inner(XElement? element) => element is null ? "" : Space().Replace(string.Concat(element.Nodes()), " ").Trim();

    [GeneratedRegex(@"Default: (?<value>.*?)(\.( |$)|$)")]
    private static partial Regex Default();

    [GeneratedRegex("^<see cref=\"[PF]:(?<type>.*)\\.(?<member>[^.\"]+)\" ?/>")]
    private static partial Regex Reference();

    [GeneratedRegex(@"(?<![\w.])\d[\d,]*(\.\d+)?")]
    private static partial Regex Number();

    /// <summary><c>KerasExtensions.&lt;G&gt;$AE47.LoadKeras</c>: methods of an extension block.</summary>
    [GeneratedRegex(@"(?<=\.)<G>\$[0-9A-F]+\.")]
    private static partial Regex ExtensionBlock();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
