using System.Diagnostics.Metrics;
using Cifar3.AspNetCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cifar3.Tests;

/// <summary>What the service's instruments have told since this was made.</summary>
internal sealed class Measurements : IDisposable
{
    private readonly MeterListener listener = new();
    private readonly List<(string Instrument, double Value, Dictionary<string, string?> Tags)> seen = [];

    public Measurements(ServiceApp app)
    {
        object own = app.App.Services.GetRequiredService<IMeterFactory>();
        listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Cifar3Metrics.Name && instrument.Meter.Scope == own)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.Start();
    }

    /// <summary>An instrument's values, in their order.</summary>
    public double[] Values(string instrument)
    {
        lock (seen)
        {
            return [.. seen.Where(m => m.Instrument == instrument).Select(m => m.Value)];
        }
    }

    /// <summary>A tag of an instrument's values, in their order.</summary>
    public string?[] Tags(string instrument, string tag)
    {
        lock (seen)
        {
            return [.. seen.Where(m => m.Instrument == instrument).Select(m => m.Tags.GetValueOrDefault(tag))];
        }
    }

    public void Dispose() => listener.Dispose();

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var named = tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value as string);
        lock (seen)
        {
            seen.Add((instrument.Name, value, named));
        }
    }
}
