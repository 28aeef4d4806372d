using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;

namespace Cifar3.Tool;

/// <summary>Where a service can listen, and why it cannot: in one line, for the web server says it in many.</summary>
internal static class ListenAddresses
{
    private const string Example = "http://127.0.0.1:8080";

    /// <summary>Refuses addresses that no server of HTTP can listen on.</summary>
    /// <param name="addresses">Separated by semicolons.</param>
    /// <exception cref="ArgumentException">Names the first one, and what to give instead.</exception>
    public static void Check(string addresses)
    {
        string[] all = Split(addresses);
        if (all.Length == 0)
        {
            throw new ArgumentException($"--urls names no address. Give one such as {Example}.");
        }

        foreach (string address in all)
        {
            if (Problem(address) is { } problem)
            {
                throw new ArgumentException($"--urls: '{Shown.Text(address)}' {problem}");
            }
        }
    }

    /// <summary>Why the web server could not begin to listen, with the remedy; null where it is something else that failed.</summary>
    /// <param name="e">What failed.</param>
    /// <param name="addresses">Those that were checked.</param>
    public static string? Problem(Exception e, string addresses) => e.GetBaseException() is not SocketException cause ? null : cause.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse when AreSocketFiles(addresses) => "another program listens there, or one that was killed has left the file. End the program, or delete the file where there is none",
        SocketError.AddressNotAvailable when AreSocketFiles(addresses) => "there is no such folder. Create it, or name another file by --urls",
        SocketError.AddressAlreadyInUse => "another program listens there. End it, or name another address by --urls",
        SocketError.AccessDenied => "this user may not. Ports below 1024 are the administrator's on many systems: name a higher one by --urls",
        SocketError.AddressNotAvailable => "this machine has no such address. Name one of its own by --urls, or http://0.0.0.0 with a port for all of them",
        _ => $"{Shown.Text(cause.Message.TrimEnd('.'))}. Name another address by --urls",
    };

    private static bool AreSocketFiles(string addresses) => Array.TrueForAll(Split(addresses), address => BindingAddress.Parse(address).IsUnixPipe);

    private static string[] Split(string addresses) => addresses.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>The web server takes whatever else stands there, a name or a port that is none (<c>127.0.0.1:50x</c>), for all addresses.</summary>
    private static bool IsHost(string host) => host is "*" or "+" || host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host, out _);

    private static string? Problem(string address)
    {
        BindingAddress parsed;
        try
        {
            parsed = BindingAddress.Parse(address);
        }
        catch (FormatException)
        {
            return $"is no address to listen on. Expected one such as {Example}.";
        }

        return parsed.Scheme.ToLowerInvariant() switch
        {
            "https" => $"asks for HTTPS, for which this command has no certificate. Give an http address such as {Example}, and let a reverse proxy (nginx, Caddy) before it speak HTTPS.",
            not "http" => $"is no address of HTTP. Expected one such as {Example}.",
            _ when parsed.PathBase.Length > 0 => "has a path. Leave it out: the page is at / and the rest below.",
            _ when !parsed.IsUnixPipe && parsed.Port is < 0 or > ushort.MaxValue => "has a port that there is not. Expected 0 to 65535.",
            _ when !parsed.IsUnixPipe && !IsHost(parsed.Host) => "names no address of this machine, and the service would listen on all of them. Give 127.0.0.1, localhost, another IP address, or 0.0.0.0 for all.",
            _ when parsed.Port == 0 && parsed.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) => "asks for any free port on localhost, which is two addresses. Give http://127.0.0.1:0.",
            _ => null,
        };
    }
}
