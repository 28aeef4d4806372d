using System.Net;
using System.Reflection;
using Cifar3.AspNetCore;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Cifar3.Tests;

/// <summary>How a program adds the service: by code and by configuration, what is refused, and the package's own page as it stands.</summary>
public sealed class ServiceRegistrationTests
{
    [Test]
    public void Log_EventIds_AreDistinct() =>
        Assert.That(typeof(Log).GetMethods(BindingFlags.Static | BindingFlags.Public).Select(message => message.GetCustomAttribute<LoggerMessageAttribute>()!.EventId), Is.Unique);

    [Test]
    public void AddCifar3Classifier_Configuration_SetsTheOptions()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Cifar3:MaxBatch"] = "7",
            ["Cifar3:Classifier:MaxImagePixels"] = "1234",
            ["Cifar3:Classifier:Threads"] = "1",
        }).Build();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddCifar3Classifier(configuration.GetSection("Cifar3"), "mine");
        services.AddCifar3Classifier(name: "shipped");
        using var provider = services.BuildServiceProvider();
        var options = provider.GetRequiredService<Microsoft.Extensions.Options.IOptionsMonitor<Cifar3ModelOptions>>().Get("mine");
        var pool = provider.GetRequiredService<Cifar3ClassifierPool>();

        Assert.That((options.MaxBatch, options.Classifier.MaxImagePixels, options.Classifier.Threads), Is.EqualTo((7, 1234, 1)));
        Assert.That(pool.Names, Is.EqualTo(new[] { "mine", "shipped" }));
        Assert.That(() => pool.Rent("mine"), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("not loaded").And.Message.Contains("add it after AddCifar3Classifier"));
        pool.Load();
        using var rented = pool.Rent("mine");
        Assert.That(rented.Classifier.Predict(PngFile.Create(32, 32, 8, PngColour.Rgb, (x, y, channel) => (x * y + channel) & 255)).Label, Is.Not.Empty);
        Assert.That(() => rented.Classifier.Predict(ImageCorpus.Files["png rgb"]), Throws.TypeOf<Cifar3ImageException>(), "41x35 pixels are more than 1,234");
    }

    [Test]
    public void AddCifar3Classifier_BadValues_AreRefused()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddCifar3Classifier(options => options.MaxBatch = 0);

        Assert.That(() => services.AddCifar3Classifier(name: "../up"), Throws.ArgumentException.With.Message.Contains("letters, digits"));
        Assert.That(() => services.AddCifar3Classifier(), Throws.ArgumentException.With.Message.Contains("already a model"));
        using var provider = services.BuildServiceProvider();
        Assert.That(provider.GetRequiredService<Cifar3ClassifierPool>, Throws.TypeOf<Cifar3Exception>().With.Message.Contains("MaxBatch"));
        Assert.That(provider.GetRequiredService<HealthCheckService>(), Is.Not.Null);
    }

    [TestCase("cifar3", "birds", "cifar3")]
    [TestCase("zebras", "zebras", "birds")]
    public void Rent_WithoutAName_IsTheModelAddedWithoutOneElseTheFirst(string expected, params string[] added)
    {
        var services = new ServiceCollection().AddLogging();
        foreach (string name in added)
        {
            services.AddCifar3Classifier(options => options.ModelPath = ServiceApp.SaveModel(Path.Combine(TestFiles.NewFolder(), "model.onnx"), seed: name.Length), name);
        }

        using var provider = services.BuildServiceProvider();
        var pool = provider.GetRequiredService<Cifar3ClassifierPool>();
        pool.Load();
        using RentedClassifier unnamed = pool.Rent(), named = pool.Rent(expected);

        Assert.That(unnamed.Classifier, Is.SameAs(named.Classifier));
    }

    /// <summary>As where the file comes a moment later: the first model was loaded twice, and watched twice.</summary>
    [Test]
    public void Load_AgainAfterOneModelFailed_LoadsThatOneAlone()
    {
        using var log = new Warnings(LogLevel.Information);
        string file = Path.Combine(TestFiles.NewFolder(), "model.onnx");
        using var provider = new ServiceCollection().AddLogging(logging => logging.AddProvider(log)).AddCifar3Classifier(name: "a").AddCifar3Classifier(options => options.ModelPath = file, "b").BuildServiceProvider();
        var pool = provider.GetRequiredService<Cifar3ClassifierPool>();
        Assert.That(pool.Load, Throws.TypeOf<Cifar3ModelException>());
        using var first = pool.Rent("a");

        ServiceApp.SaveModel(file, seed: 1);
        pool.Load();

        using var again = pool.Rent("a");
        Assert.That(pool.IsReady);
        Assert.That(again.Classifier, Is.SameAs(first.Classifier));
        Assert.That(log.Texts.Where(text => text.Contains("is loaded", StringComparison.Ordinal)).Select(text => text[..9]), Is.EqualTo(new[] { "Model 'a'", "Model 'b'" }));
    }

    [TestCase("Cifar3:MaxBatch", null)]
    [TestCase("Cifra3:ModelPath", "The configuration has no section 'Cifar3'")]
    public void Load_ConfigurationWithoutTheSection_WarnsThatTheModelIsTheLibrarys(string key, string? warning)
    {
        using var log = new Warnings();
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create(key, (string?)"7")]).Build();
        using var provider = new ServiceCollection().AddLogging(logging => logging.AddProvider(log)).AddCifar3Classifier(configuration.GetSection("Cifar3")).BuildServiceProvider();

        provider.GetRequiredService<Cifar3ClassifierPool>().Load();

        Assert.That(log.Texts, warning is null ? Is.Empty : Has.One.Contains(warning).And.One.Contains("aeroplane, car, bird"));
    }

    [TestCase("ZeroToOne")]
    [TestCase("bytes")]
    [TestCase("MinusOneToOne")]
    public void AddCifar3Classifier_InputScalingInTheConfiguration_IsTaken(string name)
    {
        var scaling = Options(("Classifier:InputScaling", name), ("Classifier:Threads", "1")).Classifier;

        Assert.That(scaling.InputScaling, Is.SameAs(name switch { "ZeroToOne" => InputScaling.ZeroToOne, "bytes" => InputScaling.Bytes, _ => InputScaling.MinusOneToOne }));
        Assert.That(scaling.Threads, Is.EqualTo(1));
    }

    [Test]
    public void Bind_ClassifierOptionsOfAProgramWithoutTheService_TakesTheScaling()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("InputScaling", (string?)"Bytes")]).Build();

        Assert.That(configuration.Get<ClassifierOptions>()?.InputScaling, Is.SameAs(InputScaling.Bytes));
    }

    [TestCase("ModelPth", "nosuch.onnx", "ModelPth")]
    [TestCase("Classifier:Thread", "1", "Thread")]
    [TestCase("Classifier:InputScaling", "Normalize", "ZeroToOne, Bytes and MinusOneToOne")]
    [TestCase("MaxBatch", "many", "MaxBatch")]
    [TestCase("MaxBatch", "5000", "1 to 4,096 images. Received: 5000")]
    [TestCase("MaxRequestBytes", "2147483647", "MaxRequestBytes must be MaxImageBytes, 16777216, to 1,073,741,824. Received: 2147483647")]
    [TestCase("MaxRequestBytes", "1000", "MaxRequestBytes must be MaxImageBytes, 16777216, to 1,073,741,824. Received: 1000")]
    [TestCase("ModelPath", "", "must name an .onnx file")]
    public void AddCifar3Classifier_ConfigurationThatIsNone_IsRefusedByName(string key, string value, string reason) =>
        Assert.That(() => Options((key, value)), Throws.TypeOf<Cifar3Exception>().With.Message.Contains(reason));

    [Test]
    public void AddCifar3Classifier_RuleOfTheProgram_IsToldInItsWords()
    {
        var services = new ServiceCollection().AddLogging().AddCifar3Classifier(options => options.Classifier = null!);
        services.AddOptions<Cifar3ModelOptions>("cifar3").Validate(options => false, "my own rule: models stand in /models");
        using var provider = services.BuildServiceProvider();

        Assert.That(provider.GetRequiredService<Cifar3ClassifierPool>, Throws.TypeOf<Cifar3Exception>().With.Message.Contains("Classifier must not be null").And.Message.Contains("my own rule: models stand in /models"));
    }

    [Test]
    public void Load_ClassifierOptionsThatCannotBeUsed_AreToldWithTheModel()
    {
        using var provider = new ServiceCollection().AddLogging().AddCifar3Classifier(options => options.Classifier = new ClassifierOptions { Threads = -1 }, "birds").BuildServiceProvider();

        Assert.That(
            provider.GetRequiredService<Cifar3ClassifierPool>().Load,
            Throws.TypeOf<Cifar3Exception>().With.Message.EqualTo("The options of the model 'birds' cannot be used. Classifier: Threads ('-1') must be a non-negative value. Actual value was -1."));
    }

    [Test]
    public async Task MapCifar3_TwiceInGroups_AnswersUnderBoth()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddCifar3Classifier();
        await using var app = builder.Build();
        app.MapGroup("/a").MapCifar3();
        app.MapGroup("/b").MapCifar3(page: false);
        await app.StartAsync();
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(app.Urls.Single()) };

        Assert.That((await client.GetAsync("/a/models")).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await client.GetAsync("/b/models")).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await client.GetAsync("/b/")).StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        using var bare = await client.GetAsync("/a?x=1");
        Assert.That((bare.StatusCode, bare.Headers.Location?.OriginalString), Is.EqualTo((HttpStatusCode.Redirect, "/a/?x=1")));
        Assert.That((await client.GetAsync("/a/cifar3.js")).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        foreach (string path in new[] { "/a/", "/a/v2/health/live", "/a/v2/health/ready" })
        {
            using var head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));
            Assert.That(head.StatusCode, Is.EqualTo(HttpStatusCode.OK), path);
            Assert.That(await head.Content.ReadAsByteArrayAsync(), Is.Empty, path);
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task MapCifar3_ApplicationWithAPageOfItsOwn_KeepsIt(bool own)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddCifar3Classifier();
        await using var app = builder.Build();
        app.MapCifar3();
        app.MapGroup("/ml").MapCifar3();
        if (own)
        {
            app.MapGet("/", () => "Hello World!"); // as dotnet new web makes it
        }

        app.MapGet("/ml/{**path}", () => "a catch-all");
        app.MapFallback(() => "a fallback");
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };

        Assert.That(await client.GetStringAsync("/"), own ? Is.EqualTo("Hello World!") : Does.Contain("cifar3.js"));
        Assert.That(await client.GetStringAsync("/ml/"), Does.Contain("cifar3.js"));
        Assert.That(await client.GetStringAsync("/ml/other"), Is.EqualTo("a catch-all"));
    }

    [Test]
    public async Task MapCifar3_WithoutAddCifar3Classifier_SaysWhatToCall()
    {
        await using var app = WebApplication.CreateBuilder().Build();

        Assert.That(() => app.MapCifar3(), Throws.InvalidOperationException.With.Message.Contains("Call builder.Services.AddCifar3Classifier before builder.Build()"));
    }

    /// <summary>The options that a pool takes from this configuration.</summary>
    private static Cifar3ModelOptions Options(params (string Key, string Value)[] values)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(values.Select(v => KeyValuePair.Create(v.Key, (string?)v.Value))).Build();
        using var provider = new ServiceCollection().AddLogging().AddCifar3Classifier(configuration).BuildServiceProvider();
        return provider.GetRequiredService<Cifar3ClassifierPool>().Find(null).Options;
    }

    [Test]
    public async Task Page_OfThePackage_RunsAsItStands()
    {
        string folder = TestFiles.NewFolder(), before = Directory.GetCurrentDirectory();
        Directory.SetCurrentDirectory(folder);
        try
        {
            ServiceApp.SaveModel("model.onnx", seed: 1);
            await PageApp.RunAsync(Readme, ["--urls", "http://127.0.0.1:0"], services => Assert.That(services.GetRequiredService<Cifar3ClassifierPool>().IsReady));
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
        }
    }

    private static void Readme(string[] args)
    {
        // Cifar3.AspNetCore/README.md
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddCifar3Classifier(options => options.ModelPath = "model.onnx"); // or AddCifar3Classifier(configuration)
        var app = builder.Build();
        app.MapCifar3();
        app.Run();
        // end
    }
}
