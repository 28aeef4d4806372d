using Microsoft.AspNetCore.Http;

namespace Cifar3.AspNetCore;

/// <summary>The page at <c>/</c>: three files within the library, which ask nothing of any other host.</summary>
internal static class PageFiles
{
    private static readonly Dictionary<string, (byte[] Content, string Type)> Files = new()
    {
        ["/"] = (Read("index.html"), "text/html; charset=utf-8"),
        ["/cifar3.js"] = (Read("cifar3.js"), "text/javascript; charset=utf-8"),
        ["/cifar3.css"] = (Read("cifar3.css"), "text/css; charset=utf-8"),
    };

    public static IEnumerable<string> Paths => Files.Keys;

    public static IResult Get(HttpContext http, string path)
    {
        if (path == "/" && !$"{http.Request.PathBase}{http.Request.Path}".EndsWith('/'))
        {
            return Results.LocalRedirect($"{http.Request.PathBase.ToUriComponent()}{http.Request.Path.ToUriComponent()}/{http.Request.QueryString}"); // of a group, /ml: its script would be sought beside it
        }

        var (content, type) = Files[path];
        http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        http.Response.Headers.CacheControl = "no-cache";
        return Results.Bytes(content, type);
    }

    private static byte[] Read(string name)
    {
        using var stream = typeof(PageFiles).Assembly.GetManifestResourceStream($"page/{name}")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
