using Microsoft.ML.Data;
using Microsoft.ML.Transforms;

namespace Cifar3;

/// <summary>Decodes image files within a saved model: the one step that ML.NET has no transformer for. A program that loads such a model needs Cifar3.Core.</summary>
[CustomMappingFactoryAttribute(Contract)]
internal sealed class DecodeImage : CustomMappingFactory<DecodeImage.File, DecodeImage.Picture>
{
    /// <summary>The name in the saved model.</summary>
    public const string Contract = "Cifar3.DecodeImage";

    /// <summary>The column of encoded files.</summary>
    public const string EncodedColumn = "Cifar3.Encoded";

    /// <inheritdoc/>
    public override Action<File, Picture> GetMapping() => (file, picture) =>
    {
        byte[] encoded = [.. file.Encoded.DenseValues()];
        ImageDecoder.Decode(encoded, picture.Pixels, EncodedColumn);
    };

    /// <summary>What is read.</summary>
    internal sealed class File
    {
        /// <summary>An encoded file.</summary>
        [ColumnName(EncodedColumn)]
        public VBuffer<byte> Encoded { get; set; }
    }

    /// <summary>What is added.</summary>
    internal sealed class Picture
    {
        /// <summary>[32, 32, 3].</summary>
        [ColumnName(StockGraph.Pixels)]
        [VectorType(CnnArchitecture.ImageBytes)]
        public byte[] Pixels { get; set; } = new byte[CnnArchitecture.ImageBytes];
    }
}
