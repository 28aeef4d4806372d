using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Cifar3.Tests;

/// <summary>What the application says, of a level and above; by default what it warns of.</summary>
internal sealed class Warnings(LogLevel level = LogLevel.Warning) : ILoggerProvider, ILogger
{
    public ConcurrentQueue<string> Texts { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= level;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            Texts.Enqueue(formatter(state, exception));
        }
    }

    public void Dispose()
    {
    }
}
