using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Cifar3.Tests;

/// <summary>An application of a page, as a reader pastes it: it builds, maps and runs itself, and is looked at while it does.</summary>
internal static class PageApp
{
    /// <summary>Runs the page's program, and stops it once it has been looked at. A program that ends by itself fails the test.</summary>
    /// <param name="program">The page's lines.</param>
    /// <param name="args">Its command line.</param>
    /// <param name="look">Given its services while it runs.</param>
    public static async Task RunAsync(Action<string[]> program, string[] args, Action<IServiceProvider> look)
    {
        var started = new TaskCompletionSource<IServiceProvider>(TaskCreationOptions.RunContinuationsAsynchronously);
        var ended = Task.Factory.StartNew(() => Run(program, args, started), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await await Task.WhenAny(started.Task, ended);
        Assert.That(ended.IsCompleted, Is.False, "the program of the page ends before it has served anything");
        var services = await started.Task;
        try
        {
            look(services);
        }
        finally
        {
            services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
            await ended;
        }
    }

    private static void Run(Action<string[]> program, string[] args, TaskCompletionSource<IServiceProvider> started)
    {
        int thread = Environment.CurrentManagedThreadId; // other tests build hosts on theirs
        using var subscription = DiagnosticListener.AllListeners.Subscribe(new Observer<DiagnosticListener>(listener =>
        {
            if (listener.Name == "Microsoft.Extensions.Hosting" && Environment.CurrentManagedThreadId == thread)
            {
                listener.Subscribe(new Observer<KeyValuePair<string, object?>>(told =>
                {
                    if (told is { Key: "HostBuilt", Value: IHost host })
                    {
                        host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStarted.Register(() => started.TrySetResult(host.Services));
                    }
                }));
            }
        }));
        program(args);
    }

    private sealed class Observer<T>(Action<T> onNext) : IObserver<T>
    {
        public void OnNext(T value) => onNext(value);

        public void OnError(Exception error)
        {
        }

        public void OnCompleted()
        {
        }
    }
}
