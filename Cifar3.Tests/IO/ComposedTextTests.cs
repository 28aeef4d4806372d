namespace Cifar3.Tests;

/// <summary>Unicode's normal form C without .NET's, which does nothing in programs without cultures such as these tests.</summary>
public sealed class ComposedTextTests
{
    [TestCase("e\u0301cole", "\u00E9cole")]
    [TestCase("U\u0308bung", "\u00DCbung")]
    [TestCase("e\u0323\u0302", "\u1EC7", Description = "Vietnamese: two marks, of which the lower comes first")]
    [TestCase("u\u0308\u0304", "\u01D6", Description = "two marks of one class: in their order")]
    [TestCase("\u0438\u0306\u0435\u0308", "\u0439\u0451", Description = "Cyrillic")]
    [TestCase("\u03B1\u0313\u0301\u0345", "\u1F84", Description = "Greek: three marks")]
    [TestCase("\u304B\u3099\u306F\u309A", "\u304C\u3071", Description = "Japanese")]
    [TestCase("\u1112\u1161\u11AB\u1100\u1173\u11AF", "\uD55C\uAE00", Description = "Korean: consonant, vowel, consonant")]
    [TestCase("\u1100\u1161\u1100", "\uAC00\u1100", Description = "Korean: a syllable and the next one's consonant")]
    [TestCase("q\u0323\u0307", "q\u0323\u0307", Description = "composes with nothing")]
    [TestCase("a\u0304\u0301", "\u0101\u0301", Description = "the second mark is behind a composed letter that takes none")]
    [TestCase("q\u0304\u0301", "q\u0304\u0301")]
    [TestCase("\u0301e", "\u0301e", Description = "a mark without a letter")]
    [TestCase("\uD83D\uDE00e\u0301", "\uD83D\uDE00\u00E9", Description = "pairs of surrogates stay")]
    [TestCase("cat", "cat")]
    [TestCase("", "")]
    public void Of_Text_IsComposed(string text, string expected)
    {
        Assert.That(ComposedText.Of(text), Is.EqualTo(expected));
        Assert.That(ComposedText.Of(expected), Is.EqualTo(expected), "stays as it is");
    }
}
