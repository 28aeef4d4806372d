using Microsoft.Playwright;

namespace Cifar3.Tests;

/// <summary>A Chromium, and a page of it that shows a service.</summary>
internal sealed class ServicePage : IAsyncDisposable
{
    /// <summary>How Chromium is started: without a sandbox, for tests may run as root, and without work of its own.</summary>
    public static readonly string[] Flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

    private static readonly string[] Places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    /// <summary>Names, types and contents of files as a drop or a paste of the page's own window: <c>{ event, target, files }</c>.</summary>
    private const string Give = """
        ({ kind, files }) => {
          const transfer = new DataTransfer();
          for (const { name, type, base64 } of files) {
            const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type }));
          }
          const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
            : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
          document.getElementById("drop").dispatchEvent(event);
        }
        """;

    private readonly IPlaywright playwright;
    private readonly IBrowser browser;

    private ServicePage(IPlaywright playwright, IBrowser browser, IPage page) => (this.playwright, this.browser, Page) = (playwright, browser, page);

    /// <summary>The page.</summary>
    public IPage Page { get; }

    /// <summary>The program; skips the test where there is none.</summary>
    public static string Chromium()
    {
        string chromium = Places.FirstOrDefault(File.Exists) ?? "";
        if (chromium.Length == 0)
        {
            Assert.Ignore($"There is no Chromium here: none of {string.Join(", ", Places)}. On Debian: apt-get install chromium.");
        }

        return chromium;
    }

    /// <summary>An empty page.</summary>
    public static async Task<ServicePage> CreateAsync(BrowserNewPageOptions? options = null)
    {
        string chromium = Chromium();
        var playwright = await Playwright.CreateAsync();
        var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = chromium, Args = Flags, Headless = true });
        return new ServicePage(playwright, browser, await browser.NewPageAsync(options));
    }

    /// <summary>Opens a service's page and waits until it tells of itself.</summary>
    public async Task OpenAsync(ServiceApp service, string about = "aeroplane")
    {
        await Page.GotoAsync(service.Address.ToString());
        await Page.WaitForFunctionAsync($"() => document.getElementById('about').textContent.includes('{about}')");
    }

    /// <summary>Waits until so many pictures are told, or so many elements of another kind are there.</summary>
    public Task AwaitAsync(int count, string selector = ".card") => Page.WaitForFunctionAsync($"() => document.querySelectorAll('{selector}').length === {count}");

    /// <summary>Drops or pastes files.</summary>
    public Task GiveAsync(string kind, params IEnumerable<(string Name, byte[] Content)> files) =>
        Page.EvaluateAsync(Give, new { kind, files = files.Select(file => new { name = file.Name, type = "image/png", base64 = Convert.ToBase64String(file.Content) }).ToArray() });

    public async ValueTask DisposeAsync()
    {
        await browser.DisposeAsync();
        playwright.Dispose();
    }
}
