using System.Security.Cryptography;

namespace Cifar3.Tests;

/// <summary>Resizing gives the bits of Pillow's <c>resize((32, 32), Image.BILINEAR)</c> (9.4.0), in its order of passes and roundings.</summary>
public sealed class ImageResizerTests
{
    [TestCase(1, 1, "F1A1EF883B9B55E5")]
    [TestCase(2, 3, "29C099F6FE216191")]
    [TestCase(7, 5, "E11C5DB832D88AE3")]
    [TestCase(31, 33, "725C07FC11604ACF")]
    [TestCase(32, 32, "336B483F5C43D6A8")]
    [TestCase(33, 31, "C7B81BAD199550F5")]
    [TestCase(64, 64, "FB843BA10EFEF420")]
    [TestCase(100, 75, "70B85A7F471F52B0")]
    [TestCase(75, 100, "E4A99BA5939E8491")]
    [TestCase(640, 3, "82382BCE182F8EAE")]
    [TestCase(3, 640, "3EA06F08E3F50BFE")]
    [TestCase(257, 509, "271A42E8E451C4B2")]
    public void Resize_AnySize_GivesPillowsBits(int width, int height, string hash)
    {
        byte[] pixels = new byte[width * height * 4], rgb = new byte[CnnArchitecture.ImageBytes];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                for (int c = 0; c < 3; c++)
                {
                    pixels[(y * width + x) * 4 + c] = (byte)(x * x * 7 + y * 13 * x + c * 85 + (x ^ y) * 31);
                }

                pixels[(y * width + x) * 4 + 3] = (byte)(x + y); // is not read
            }
        }

        ImageResizer.Resize(pixels, width, height, rgb);

        Assert.That(Convert.ToHexString(SHA256.HashData(rgb))[..16], Is.EqualTo(hash));
    }
}
