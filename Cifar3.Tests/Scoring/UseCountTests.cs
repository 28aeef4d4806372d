namespace Cifar3.Tests;

/// <summary>What calls use is freed once, when the last of them has ended.</summary>
public sealed class UseCountTests
{
    [Test]
    public void Dispose_DuringACall_FreesAtItsEndAndLetsNoneBegin()
    {
        int freed = 0;
        var uses = new UseCount(typeof(Cifar3Classifier), () => freed++);
        uses.Enter();
        Assert.That(uses.IsSingle);

        uses.Dispose();
        uses.Dispose();

        Assert.That(freed, Is.Zero);
        Assert.That(uses.Enter, Throws.InstanceOf<ObjectDisposedException>().With.Message.Contains(nameof(Cifar3Classifier)));
        uses.Exit();
        Assert.That(freed, Is.EqualTo(1));
        Assert.That(uses.Enter, Throws.InstanceOf<ObjectDisposedException>());
    }
}
