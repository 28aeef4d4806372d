using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Cifar3.Tests;

/// <summary>An HTTP server on this machine that serves one file as the test says.</summary>
internal sealed class TestServer : IDisposable
{
    private readonly HttpListener listener = new();
    private readonly Action<HttpListenerContext, int> answer;
    private int requests;

    /// <summary>Starts; <paramref name="answer"/> gets each request and its number, from 1.</summary>
    public TestServer(Action<HttpListenerContext, int> answer)
    {
        this.answer = answer;
        Url = new Uri($"http://127.0.0.1:{FreePort()}/archive.tar.gz");
        listener.Prefixes.Add($"http://127.0.0.1:{Url.Port}/");
        listener.Start();
        _ = Task.Run(ServeAsync);
    }

    public Uri Url { get; }

    /// <summary>The Range header of each request so far; empty where there was none.</summary>
    public ConcurrentQueue<string> Ranges { get; } = new();

    /// <summary>Sends the file from where the request's Range begins, and cuts the connection after some bytes when told to.</summary>
    public static void Send(HttpListenerContext context, byte[] file, int? cutAfter = null, bool ranges = true)
    {
        int start = 0;
        if (ranges && context.Request.Headers["Range"] is { } range)
        {
            start = int.Parse(range["bytes=".Length..].TrimEnd('-'), System.Globalization.CultureInfo.InvariantCulture);
            context.Response.StatusCode = 206;
            context.Response.AddHeader("Content-Range", $"bytes {start}-{file.Length - 1}/{file.Length}");
        }

        context.Response.ContentLength64 = file.Length - start;
        int count = Math.Min(cutAfter ?? int.MaxValue, file.Length - start);
        context.Response.OutputStream.Write(file, start, count);
        context.Response.OutputStream.Flush();
        if (count < file.Length - start)
        {
            Thread.Sleep(50); // lets what was sent arrive before the connection breaks
            context.Response.Abort();
        }
        else
        {
            context.Response.Close();
        }
    }

    /// <summary>Answers with a status and no content.</summary>
    public static void Fail(HttpListenerContext context, int status)
    {
        context.Response.StatusCode = status;
        context.Response.Close();
    }

    public void Dispose() => listener.Close();

    private async Task ServeAsync()
    {
        while (listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            Ranges.Enqueue(context.Request.Headers["Range"] ?? "");
            int number = Interlocked.Increment(ref requests);
            _ = Task.Run(() =>
            {
                try
                {
                    answer(context, number);
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or IOException)
                {
                    // The client went away.
                }
            });
        }
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
