namespace Cifar3.Tests;

public sealed class ProgressCounterTests
{
    [TestCase(1)]
    [TestCase(100)]
    [TestCase(199)]
    [TestCase(201)]
    [TestCase(15000)]
    public void Add_OneByOne_ReportsAtMostAHundredTimesAndTheEnd(int total)
    {
        var reports = new List<long>();
        var counter = new ProgressCounter(new Reporter(reports), DataStage.Reading, total);

        for (int i = 0; i < total; i++)
        {
            counter.Add(1);
        }

        Assert.That(reports, Has.Count.InRange(Math.Min(total, 50), 100));
        Assert.That(reports[^1], Is.EqualTo(total));
    }

    private sealed class Reporter(List<long> reports) : IProgress<DataProgress>
    {
        public void Report(DataProgress value) => reports.Add(value.Done);
    }
}
