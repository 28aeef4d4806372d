using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Cifar3.Tests;

public sealed class ArchiveDownloadTests
{
    private static readonly byte[] Content = CreateContent();

    [Test]
    public async Task Fetch_SoundServer_WritesTheFileAndReportsBytes()
    {
        using var server = new TestServer((context, _) => TestServer.Send(context, Content));
        string target = Target();
        var reports = new ConcurrentQueue<DataProgress>();

        await Download(server.Url).FetchAsync(target, new Reporter(reports), CancellationToken.None);

        Assert.That(File.ReadAllBytes(target), Is.EqualTo(Content));
        Assert.That(File.Exists(target + ".part"), Is.False);
        Assert.That(reports.Last(), Is.EqualTo(new DataProgress(DataStage.Downloading, Content.Length, Content.Length)));
    }

    [Test]
    public async Task Fetch_ConnectionCutTwice_ContinuesWhereItStopped()
    {
        using var server = new TestServer((context, number) => TestServer.Send(context, Content, number < 3 ? 100_000 : null));
        string target = Target();

        await Download(server.Url).FetchAsync(target, null, CancellationToken.None);

        Assert.That(File.ReadAllBytes(target), Is.EqualTo(Content));
        Assert.That(server.Ranges, Is.EqualTo(new[] { "", "bytes=100000-", "bytes=200000-" }));
    }

    [Test]
    public async Task Fetch_PartOfAnEarlierRun_IsContinued()
    {
        using var server = new TestServer((context, _) => TestServer.Send(context, Content));
        string target = Target();
        File.WriteAllBytes(target + ".part", Content[..1234]);

        await Download(server.Url).FetchAsync(target, null, CancellationToken.None);

        Assert.That(File.ReadAllBytes(target), Is.EqualTo(Content));
        Assert.That(server.Ranges, Is.EqualTo(new[] { "bytes=1234-" }));
    }

    [Test]
    public async Task Fetch_ServerWithoutRanges_StartsOver()
    {
        using var server = new TestServer((context, number) => TestServer.Send(context, Content, number == 1 ? 100_000 : null, ranges: false));
        string target = Target();

        await Download(server.Url).FetchAsync(target, null, CancellationToken.None);

        Assert.That(File.ReadAllBytes(target), Is.EqualTo(Content));
    }

    [Test]
    public async Task Fetch_BusyServer_IsTriedAgain()
    {
        using var server = new TestServer((context, number) =>
        {
            if (number == 1)
            {
                TestServer.Fail(context, 503);
            }
            else
            {
                TestServer.Send(context, Content);
            }
        });
        string target = Target();

        await Download(server.Url).FetchAsync(target, null, CancellationToken.None);

        Assert.That(File.ReadAllBytes(target), Is.EqualTo(Content));
    }

    [Test]
    public void Fetch_WrongChecksum_DeletesTheFileAndSaysSo()
    {
        byte[] wrong = [.. Content];
        wrong[1000] ^= 1;
        using var server = new TestServer((context, _) => TestServer.Send(context, wrong));
        string target = Target();

        var error = Assert.ThrowsAsync<Cifar3DataException>(() => Download(server.Url).FetchAsync(target, null, CancellationToken.None));

        Assert.That(error!.Message, Does.Contain("wrong checksum").And.Contain(server.Url.ToString()).And.Contain("was deleted").And.Not.Contain("\n"));
        Assert.That(File.Exists(target) || File.Exists(target + ".part"), Is.False);
    }

    [Test]
    public void Fetch_ServerSendsMore_ReadsNoMoreThanExpected()
    {
        using var server = new TestServer((context, _) => TestServer.Send(context, [.. Content, .. Content]));
        string target = Target();

        Assert.DoesNotThrowAsync(() => Download(server.Url).FetchAsync(target, null, CancellationToken.None));
        Assert.That(new FileInfo(target).Length, Is.EqualTo(Content.Length));
    }

    [Test]
    public void Fetch_NotFound_FailsAtOnceAndNamesTheUrl()
    {
        using var server = new TestServer((context, _) => TestServer.Fail(context, 404));

        var error = Assert.ThrowsAsync<Cifar3DataException>(() => Download(server.Url).FetchAsync(Target(), null, CancellationToken.None));

        Assert.That(error!.Message, Does.Contain("404").And.Contain(server.Url.ToString()).And.Contain("give its path").And.Not.Contain("\n"));
        Assert.That(server.Ranges, Has.Count.EqualTo(1));
    }

    [Test]
    public void Fetch_AlwaysCut_KeepsWhatArrived()
    {
        using var server = new TestServer((context, _) => TestServer.Send(context, Content, 10_000));
        string target = Target();

        var error = Assert.ThrowsAsync<Cifar3DataException>(() => Download(server.Url).FetchAsync(target, null, CancellationToken.None));

        Assert.That(error!.Message, Does.Contain("60,000 of 300,000 bytes are kept"));
        Assert.That(File.ReadAllBytes(target + ".part"), Is.EqualTo(Content[..60_000])); // six tries
    }

    [Test]
    public void Fetch_NoServer_GivesUpAfterASecondTry()
    {
        Uri url;
        using (var server = new TestServer((_, _) => { }))
        {
            url = server.Url;
        }

        var error = Assert.ThrowsAsync<Cifar3DataException>(() => Download(url).FetchAsync(Target(), null, CancellationToken.None));

        Assert.That(error!.Message, Does.StartWith($"Cannot download '{url}'").And.Contain("Check the network"));
    }

    [Test]
    public void Fetch_SilentServer_IsGivenUp()
    {
        using var release = new ManualResetEventSlim();
        using var server = new TestServer((context, _) => release.Wait(TimeSpan.FromSeconds(10)));
        var download = Download(server.Url) with { StallLimit = TimeSpan.FromMilliseconds(200) };

        var error = Assert.ThrowsAsync<Cifar3DataException>(() => download.FetchAsync(Target(), null, CancellationToken.None));

        release.Set();
        Assert.That(error!.Message, Does.Contain("the server sent nothing"));
    }

    [Test]
    public async Task Fetch_TwoAtOnce_DownloadOnce()
    {
        using var server = new TestServer((context, _) =>
        {
            Thread.Sleep(200);
            TestServer.Send(context, Content);
        });
        string target = Target();

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(() => Download(server.Url).FetchAsync(target, null, CancellationToken.None))));

        Assert.That(File.ReadAllBytes(target), Is.EqualTo(Content));
        Assert.That(server.Ranges, Has.Count.EqualTo(1));
    }

    [Test]
    public void Fetch_Cancelled_KeepsWhatArrived()
    {
        using var release = new ManualResetEventSlim();
        using var cancellation = new CancellationTokenSource();
        using var server = new TestServer((context, _) =>
        {
            context.Response.ContentLength64 = Content.Length;
            context.Response.OutputStream.Write(Content, 0, 100_000);
            context.Response.OutputStream.Flush();
            release.Wait(TimeSpan.FromSeconds(10));
        });
        string target = Target();
        var cancelAtSome = new Reporter(new ConcurrentQueue<DataProgress>(), report => { if (report.Done >= 60_000) { cancellation.Cancel(); } });

        Assert.That(() => Download(server.Url).FetchAsync(target, cancelAtSome, cancellation.Token).GetAwaiter().GetResult(), Throws.InstanceOf<OperationCanceledException>());

        release.Set();
        byte[] kept = File.ReadAllBytes(target + ".part");
        Assert.That(kept, Has.Length.InRange(60_000, 100_000));
        Assert.That(kept.AsSpan().SequenceEqual(Content.AsSpan(0, kept.Length)), Is.True);
    }

    [Test]
    public void Fetch_FolderThatIsAFile_SaysWhatToSet()
    {
        string file = Path.Combine(TestFiles.NewFolder(), "file");
        File.WriteAllText(file, "");

        var error = Assert.ThrowsAsync<Cifar3DataException>(() => Download(new Uri("http://127.0.0.1:9/")).FetchAsync(Path.Combine(file, "a"), null, CancellationToken.None));

        Assert.That(error!.Message, Does.Contain(file).And.Contain("XDG_CACHE_HOME"));
    }

    [Test]
    public void Cifar10Binary_Constants_AreThePublishedOnes()
    {
        Assert.That(ArchiveDownload.Cifar10Binary.Length, Is.EqualTo(170_052_171));
        Assert.That(ArchiveDownload.Cifar10Binary.Sha256, Has.Length.EqualTo(64).And.StartWith("c4a38c50a1bc5f3a"));
    }

    private static ArchiveDownload Download(Uri url) =>
        new(url, Content.Length, Convert.ToHexStringLower(SHA256.HashData(Content))) { RetryDelay = TimeSpan.FromMilliseconds(10) };

    private static string Target() => Path.Combine(TestFiles.NewFolder(), "cache", "archive.tar.gz") is var path && Directory.CreateDirectory(Path.GetDirectoryName(path)!).Exists ? path : "";

    private static byte[] CreateContent()
    {
        var random = new PhiloxRandom(1, 1);
        var bytes = new byte[300_000];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)random.NextUInt32();
        }

        return bytes;
    }

    private sealed class Reporter(ConcurrentQueue<DataProgress> reports, Action<DataProgress>? also = null) : IProgress<DataProgress>
    {
        public void Report(DataProgress value)
        {
            reports.Enqueue(value);
            also?.Invoke(value);
        }
    }
}
