using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Cifar3.Tests;

/// <summary>The page at <c>/</c> in a real Chromium: pictures dropped, pasted and chosen, bad ones refused, theme, keyboard, no other host.</summary>
[Category(TestCategories.Browser)] // needs Chromium
public sealed class PageTests
{
    [Test]
    public async Task Page_DropPasteBadAndHuge_TellsEachAndSwitchesTheme()
    {
        await using var service = await ServiceApp.StartAsync();
        await using var shown = await ServicePage.CreateAsync(new BrowserNewPageOptions { ViewportSize = new ViewportSize { Width = 1100, Height = 900 }, ColorScheme = ColorScheme.Light });
        var page = shown.Page;
        var foreign = new List<string>();
        var errors = new List<string>();
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(service.Address.ToString(), StringComparison.Ordinal) && !request.Url.StartsWith("blob:", StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal))
            {
                foreign.Add(request.Url);
            }
        };
        page.PageError += (_, error) => errors.Add(error);
        await shown.OpenAsync(service);

        // Three dropped pictures: each gets its label.
        using var classifier = Cifar3Classifier.LoadDefault(new ClassifierOptions { Familiarity = true });
        var drawn = Cifar3Data.Synthetic(trainCount: 3, testCount: 3, seed: 6).Test;
        var pictures = Enumerable.Range(0, 3).Select(i => TestImages.Encode(drawn.Image(i).ToArray(), 32, 32, SkiaSharp.SKEncodedImageFormat.Png)).ToList();
        await shown.GiveAsync("drop", [.. pictures.Select((picture, i) => ($"drawn {i}.png", picture))]);
        await shown.AwaitAsync(3);
        var labels = (await page.Locator(".card .label").AllTextContentsAsync()).Order();
        Assert.That(labels, Is.EqualTo(pictures.Select(picture => classifier.Predict(picture).Label).Order()));
        Assert.That(await page.Locator(".card progress").CountAsync(), Is.EqualTo(9), "a bar a class");
        int familiar = pictures.Count(picture => classifier.Predict(picture).IsFamiliar == true);
        Assert.That(await page.Locator(".card", new PageLocatorOptions { HasText = "familiar" }).CountAsync(), Is.EqualTo(familiar));
        Assert.That(await page.Locator(".card", new PageLocatorOptions { HasText = "Unlike what the model was trained on" }).CountAsync(), Is.EqualTo(3 - familiar));

        // The theme is switched by keyboard.
        Assert.That(await page.EvaluateAsync<string>("() => document.documentElement.dataset.theme"), Is.EqualTo("light"));
        await page.Locator("#theme").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        Assert.That(await page.EvaluateAsync<string>("() => document.documentElement.dataset.theme"), Is.EqualTo("dark"));
        Assert.That(await page.Locator("#theme").GetAttributeAsync("aria-pressed"), Is.EqualTo("true"));

        // One pasted; a broken one; one of 50 megapixels.
        await shown.GiveAsync("paste", ("pasted.jpg", ImageCorpus.Files["jpeg"]));
        await shown.AwaitAsync(4);
        await shown.GiveAsync("drop", [("<img src=x onerror=alert(1)>.png", [1, 2, 3, 4]), ("huge.png", PngFile.Create(10_000, 5_000, 1, PngColour.Grey, (_, _, _) => 1))]);
        await shown.AwaitAsync(2, ".card.failed");
        string[] notes = [.. (await page.Locator(".card.failed .note").AllTextContentsAsync()).Order(StringComparer.Ordinal)];
        Assert.That(notes, Has.Some.Contains("a file of unknown kind").And.Some.Contains("10,000x5,000 pixels"));
        Assert.That(await page.Locator("#status").TextContentAsync(), Is.EqualTo("4 of 6 pictures told apart, 2 not readable."));

        // A folder whose name is a class tells the truth beside the prediction.
        await page.Locator("#clear").ClickAsync();
        string folder = Path.Combine(TestFiles.NewFolder(), "bird");
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "one.png"), pictures[0]);
        await page.Locator("#folder").SetInputFilesAsync(folder);
        await shown.AwaitAsync(1);
        Assert.That(await page.Locator("#truth").IsVisibleAsync());
        Assert.That(await page.Locator("#matrix td").AllTextContentsAsync(), Has.Exactly(1).EqualTo("1").And.Exactly(8).EqualTo("0"));

        if (Environment.GetEnvironmentVariable("CIFAR3_SCREENSHOTS") is { Length: > 0 } target)
        {
            await shown.GiveAsync("drop", [.. pictures.Select((picture, i) => ($"drawn {i}.png", picture)), ("broken.png", [1, 2, 3, 4])]);
            await shown.AwaitAsync(5);
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(target, "page-dark.png") });
            await page.Locator("#theme").ClickAsync();
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(target, "page-light.png") });
        }

        Assert.That(foreign, Is.Empty, "no other host is asked");
        Assert.That(errors, Is.Empty);
    }

    /// <summary>A proxy in front may say when to come again as a date, or with 0: it was asked again without a pause, hundreds of times a second, also for pictures that the reader had cleared.</summary>
    [TestCase("Wed, 21 Oct 2099 07:28:00 GMT")]
    [TestCase("0")]
    public async Task Page_ServiceThatIsBusy_IsAskedAgainAfterAWhile(string retryAfter)
    {
        int asked = 0;
        await using var service = await ServiceApp.StartAsync(before: app => app.Use((context, next) =>
        {
            if (!context.Request.Path.StartsWithSegments("/predict"))
            {
                return next(context);
            }

            Interlocked.Increment(ref asked);
            (context.Response.StatusCode, context.Response.Headers.RetryAfter) = (503, retryAfter);
            return Task.CompletedTask;
        }));
        await using var shown = await ServicePage.CreateAsync();
        var page = shown.Page;
        await shown.OpenAsync(service);

        await shown.GiveAsync("drop", ("a.jpg", ImageCorpus.Files["jpeg"]));
        Assert.That(() => Volatile.Read(ref asked), Is.GreaterThan(1).After(20_000, 50), "it comes again");
        Assert.That(asked, Is.LessThan(20));

        await page.Locator("#clear").ClickAsync();
        await Task.Delay(1500); // what has been asked is answered
        int cleared = Volatile.Read(ref asked);
        await Task.Delay(2500);
        Assert.That(Volatile.Read(ref asked), Is.EqualTo(cleared), "what was cleared is not asked again");
    }

    /// <summary>A page opened while the service started, or a proxy in front had no service yet, stayed at "does not answer", and asked pictures of a model by a name that it might not have.</summary>
    [Test]
    public async Task Page_OpenedBeforeTheServiceIsReady_FindsItsModelsThen()
    {
        int refusals = 2;
        await using var service = await ServiceApp.StartAsync(before: app => app.Use((context, next) =>
        {
            if (!context.Request.Path.StartsWithSegments("/models") || Interlocked.Decrement(ref refusals) < 0)
            {
                return next(context);
            }

            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        }));
        await using var shown = await ServicePage.CreateAsync();
        var page = shown.Page;
        await shown.OpenAsync(service, "does not answer");
        await shown.GiveAsync("drop", ("a.jpg", ImageCorpus.Files["jpeg"]));

        await page.WaitForFunctionAsync("() => document.getElementById('about').textContent.includes('aeroplane')");
        await shown.AwaitAsync(1, ".card:not(.failed)");
    }

    /// <summary>One file or folder that may not be read, among dropped ones, and nothing was asked and nothing said.</summary>
    [Test]
    public async Task Page_DroppedFolderWithAFileThatCannotBeRead_TellsItAndTheOthers()
    {
        await using var service = await ServiceApp.StartAsync();
        await using var shown = await ServicePage.CreateAsync();
        var page = shown.Page;
        await shown.OpenAsync(service);

        await page.EvaluateAsync(
            """
            base64 => {
              const sound = new File([Uint8Array.from(atob(base64), c => c.charCodeAt(0))], "a.jpg", { type: "image/jpeg" });
              const file = (name, give) => ({ isFile: true, fullPath: "/bird/" + name, file: give });
              const folder = { isFile: false, fullPath: "/bird", createReader: () => {
                let parts = [[file("gone.jpg", (_, fail) => fail(new DOMException("", "NotFoundError"))), file("a.jpg", give => give(sound)),
                  { isFile: false, fullPath: "/bird/closed", createReader: () => ({ readEntries: (_, fail) => fail(new DOMException("", "NotReadableError")) }) }], []];
                return { readEntries: give => give(parts.shift()) };
              } };
              const event = new Event("drop", { bubbles: true, cancelable: true });
              event.dataTransfer = { items: [{ webkitGetAsEntry: () => folder }], files: [] };
              document.getElementById("drop").dispatchEvent(event);
            }
            """,
            Convert.ToBase64String(ImageCorpus.Files["jpeg"]));

        await shown.AwaitAsync(3);
        Assert.That(await page.Locator(".card.failed .file").AllTextContentsAsync(), Is.EquivalentTo(new[] { "bird/gone.jpg", "bird/closed" }));
        Assert.That(await page.Locator(".card.failed .note").AllTextContentsAsync(), Has.All.Contains("cannot read it"));
        Assert.That(await page.Locator("#status").TextContentAsync(), Does.StartWith("1 of 3 pictures told apart, 2 not readable"));
    }

    /// <summary>Pictures beyond the 500 that are shown, refused ones too.</summary>
    [Test]
    public async Task Page_MorePicturesThanAreShown_SaysSo()
    {
        await using var service = await ServiceApp.StartAsync();
        await using var shown = await ServicePage.CreateAsync();
        await shown.OpenAsync(service);

        await shown.GiveAsync("drop", Enumerable.Range(0, 501).Select(i => ($"{i}.png", new byte[] { 1, 2, 3, 4 })));

        await shown.Page.WaitForFunctionAsync("() => document.getElementById('status').textContent.includes('501 not readable')");
        Assert.That(await shown.Page.Locator("#status").TextContentAsync(), Does.Contain("the first 500 are shown"));
    }

    /// <summary>Old disks of Macs give accents apart from their letters: pictures of such classes were left out of the figures beside the folders.</summary>
    [Test]
    public async Task Page_FolderInAnotherUnicodeForm_IsItsClass()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        CnnModel.Create(["vélo", "auto"], filters: [4, 4, 8]).SaveOnnx(path);
        await using var service = await ServiceApp.StartAsync(options => options.ModelPath = path);
        await using var shown = await ServicePage.CreateAsync();
        await shown.OpenAsync(service, "auto");
        string folder = ClassFolder("ve\u0301lo");

        await shown.Page.Locator("#folder").SetInputFilesAsync(folder);

        await shown.AwaitAsync(1);
        Assert.That(await shown.Page.Locator("#status").TextContentAsync(), Does.Contain(" of 1 as their folders say"));
    }

    /// <summary>A screen reader said "Light, pressed" of a dark page: what a button that stays pressed is called does not change with it.</summary>
    [Test]
    public async Task Page_ThemeForAScreenReader_IsCalledTheSameWhenPressed()
    {
        await using var service = await ServiceApp.StartAsync();
        await using var shown = await ServicePage.CreateAsync(new BrowserNewPageOptions { ColorScheme = ColorScheme.Light });
        await shown.OpenAsync(service);
        var dark = shown.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Dark", Pressed = true });

        Assert.That(await dark.CountAsync(), Is.Zero);
        await shown.Page.Locator("#theme").ClickAsync();
        Assert.That(await dark.CountAsync(), Is.EqualTo(1));
    }

    /// <summary>A name without a blank made the page several screens wide.</summary>
    [Test]
    public async Task Page_LongNamesOnASmallScreen_AreNoWiderThanIt()
    {
        string path = Path.Combine(TestFiles.NewFolder(), "model.onnx"), name = new('m', 100);
        CnnModel.Create([new string('x', 300), new string('y', 300)], filters: [4, 4, 8]).SaveOnnx(path);
        await using var service = await ServiceApp.StartAsync(options => options.ModelPath = path, services => services.AddCifar3Classifier(options => options.ModelPath = path, name));
        await using var shown = await ServicePage.CreateAsync(new BrowserNewPageOptions { ViewportSize = new ViewportSize { Width = 360, Height = 640 } });
        await shown.OpenAsync(service, "xxx");
        await shown.GiveAsync("drop", ($"{name}.jpg", ImageCorpus.Files["jpeg"]));
        await shown.AwaitAsync(1);

        Assert.That(await shown.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth"), Is.LessThanOrEqualTo(360));
    }

    /// <summary>The table beside the folders was made anew for every picture: ten thousand cells of a hundred classes, and 400 pictures took minutes.</summary>
    [Test]
    public async Task Page_FurtherPicturesOfFolders_ChangeTheTableThatStands()
    {
        await using var service = await ServiceApp.StartAsync();
        await using var shown = await ServicePage.CreateAsync();
        var page = shown.Page;
        await shown.OpenAsync(service);
        string folder = ClassFolder("bird");

        await page.Locator("#folder").SetInputFilesAsync(folder);
        await shown.AwaitAsync(1);
        await page.EvaluateAsync("() => { window.first = document.querySelector('#matrix td'); }");
        await page.Locator("#folder").SetInputFilesAsync(folder);
        await shown.AwaitAsync(2);

        Assert.That(await page.EvaluateAsync<bool>("() => document.contains(window.first)"));
        Assert.That(await page.Locator("#matrix td").AllTextContentsAsync(), Has.Exactly(1).EqualTo("2").And.Exactly(8).EqualTo("0"));
        await page.Locator("#clear").ClickAsync();
        await page.Locator("#folder").SetInputFilesAsync(folder);
        await shown.AwaitAsync(1);
        Assert.That(await page.Locator("#matrix td").AllTextContentsAsync(), Has.Exactly(1).EqualTo("1").And.Exactly(8).EqualTo("0"));
    }

    /// <summary>A folder of that name with one picture.</summary>
    private static string ClassFolder(string name)
    {
        string folder = Path.Combine(TestFiles.NewFolder(), name);
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "one.jpg"), ImageCorpus.Files["jpeg"]);
        return folder;
    }
}
