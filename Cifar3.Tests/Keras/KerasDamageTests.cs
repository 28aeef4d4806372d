using System.IO.Compression;
using Cifar3.Training;
using PureHDF;

namespace Cifar3.Tests;

/// <summary>Damaged, hostile and unusual files: a clear error that names what is wrong, or a note of what was converted.</summary>
public sealed class KerasDamageTests
{
    [TestCase("keras3/trained.h5")]
    [TestCase("keras3/trained.keras")]
    [TestCase("keras2.3.1/init-weights.h5")]
    public void Load_TruncatedFile_SaysThatItIsDamaged(string file)
    {
        byte[] whole = File.ReadAllBytes(TestFiles.Golden(file));

        foreach (double share in new[] { 0.01, 0.3, 0.9, 0.999 })
        {
            Assert.That(KerasTestFile.Refusal(whole[..(int)(whole.Length * share)]), Does.Contain("damaged"), $"{share}");
        }
    }

    [TestCase("", "found an empty file")]
    [TestCase("68656C6C6F", "Expected an HDF5 file")] // hello
    [TestCase("894844460D0A1A0A", "Expected an HDF5 file")] // HDF5's first bytes and nothing more
    [TestCase("504B0304", "damaged")] // zip's
    public void Load_OtherBytes_SaysWhatWasExpected(string hex, string expected) =>
        Assert.That(KerasTestFile.Refusal(Convert.FromHexString(hex)), Does.Contain(expected));

    /// <summary>8 KB: seven levels of groups, each with 60 links to the next, so that there are 60⁷ ways to the last.</summary>
    [Test, CancelAfter(30_000)]
    public void Load_GroupsOnCountlessWays_EndsEarly() => Assert.That(Small(CountlessWays), Does.Contain("more than 2,000,000 steps"));

    /// <summary>63 KB: one chunk, which inflates to 1 MiB, 50,000 times beyond the dataset's end.</summary>
    [Test, CancelAfter(30_000)]
    public void Load_ChunksBeyondTheDataset_EndsEarly() => Assert.That(Small(ChunksBeyond), Does.Contain("lie beyond its end"));

    [Test]
    public void Load_MissingFile_NamesPathAndFolder() =>
        Assert.That(() => KerasFile.Load("nowhere/model.keras"), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("nowhere/model.keras").And.Message.Contains("does not exist"));

    [Test]
    public void Load_Folder_PointsToSavedModel() =>
        Assert.That(() => KerasFile.Load(TestFiles.NewFolder()), Throws.TypeOf<Cifar3ModelException>().With.Message.Contains("SavedModel"));

    [TestCase("float16")]
    [TestCase("float64")]
    public void Load_OtherFloats_AreConvertedWithANote(string type)
    {
        var kernel = KerasTestFile.Trained().Model["dense/kernel"];
        ulong[] shape = [.. kernel.Shape.Select(d => (ulong)d)];
        byte[] file = KerasTestFile.Weights(hdf5 => hdf5.Group("layers/dense/vars")["0"] = type == "float16"
            ? new H5Dataset(kernel.ToArray().Select(v => (Half)v).ToArray(), fileDims: shape)
            : new H5Dataset(kernel.ToArray().Select(v => (double)v).ToArray(), fileDims: shape));

        var keras = KerasFile.Parse(file, "m");

        Assert.That(keras.Notes, Has.One.Contains($"{type} were converted to float32"));
        Assert.That(keras.Model["dense/kernel"].ToArray(), Is.EqualTo(kernel.ToArray()).Within(type == "float16" ? 1e-3f : 0f));
    }

    [Test]
    public void Load_IntegerWeights_AreRefused() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Weights(file => file.Group("layers/dense/vars")["1"] = new int[3])),
            Does.Contain("layers/dense/vars/1").And.Contain("Expected float32, float16, bfloat16 or float64"));

    [Test]
    public void Load_Float64BeyondFloat32_IsRefusedAsNotFinite() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Weights(file => file.Group("layers/dense/vars")["1"] = new double[] { 1, 1e300, 1 })),
            Does.Contain("'dense/bias' is not finite"));

    [TestCase(float.NaN)]
    [TestCase(float.NegativeInfinity)]
    public void Load_WeightNotFinite_NamesWeightAndElement(float value) =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Hdf5(file => file.Group("model_weights/dense/dense")["bias"] = new[] { 0, value, 0 })),
            Does.Contain("'dense/bias' is not finite: element 1"));

    [Test]
    public void Load_MomentThatNoAdamHas_LeavesTheStateOutAndNamesIt() =>
        AssertLeftOut(
            KerasTestFile.Hdf5(file => file.Group("optimizer_weights/adam")["dense_bias_velocity"] = new[] { 0, 0, -1f }),
            "element 2 of the second moment of 'dense/bias' is -1");

    [Test]
    public void Load_TransposedKernel_SaysSo()
    {
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Weights(file => file.Group("layers/dense/vars")["0"] = new float[3, 32])),
            Does.Contain("Layer 'dense'").And.Contain("Expected (32, 3), found (3, 32)").And.Contain("transposed"));
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Hdf5(file => file.Group("model_weights/conv2d/conv2d")["kernel"] = new float[4, 3, 3, 3])),
            Does.Contain("Expected (3, 3, 3, 4), found (4, 3, 3, 3)").And.Contain("transposed"));
    }

    [Test]
    public void Load_KernelOfAnotherSize_IsNotCalledTransposed() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Weights(file => file.Group("layers/dense/vars")["0"] = new float[31, 3])),
            Does.Contain("Expected (32, 3), found (31, 3)").And.Not.Contain("transposed"));

    [Test]
    public void Load_MissingLayerGroup_IsNamed() =>
        Assert.That(KerasTestFile.Refusal(KerasTestFile.Hdf5(file => file.Group("model_weights").Remove("conv2d_3"))), Does.Contain("Layer 'conv2d_3' is missing"));

    [Test]
    public void Load_MissingLayerAmongNumberedOnes_IsNamed() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Weights(file => file.Group("layers").Remove("batch_normalization_1"))),
            Does.Contain("Layer 8").And.Contain("expected BatchNormalization with gamma, beta, moving_mean, moving_variance, found 'conv2d_5' with kernel, bias"));

    [Test]
    public void Load_UnknownLayerAmongNumberedOnes_IsNamed() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Weights(file => file.Group("layers")["dense_1"] = new H5Group { ["vars"] = new H5Group { ["0"] = new float[3] } })),
            Does.Contain("Layer 'dense_1' does not belong"));

    [Test]
    public void Load_MissingVariable_IsNamed() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Hdf5(file => file.Group("model_weights/conv2d_4/conv2d_4").Remove("bias"))),
            Does.Contain("'model_weights/conv2d_4/conv2d_4/bias' is missing"));

    [Test]
    public void Load_TooFewMoments_LeavesTheStateOutAndTellsTheCounts() =>
        AssertLeftOut(
            KerasTestFile.Hdf5(file => file.Group("optimizer_weights").Attributes["weight_names"] = new[] { "adam/iteration", "adam/learning_rate", "adam/conv2d_bias_momentum" }),
            "step 7 with 2 arrays, where Adam has a step of 0 or more and 40 arrays");

    [Test]
    public void Load_MomentOfAnotherShape_LeavesTheStateOut() =>
        AssertLeftOut(KerasTestFile.Hdf5(file => file.Group("optimizer_weights/adam")["dense_bias_velocity"] = new float[4]), "has the shape (4), not (3)");

    private static void AssertLeftOut(byte[] file, string why)
    {
        var keras = KerasFile.Parse(file, "m");

        Assert.That(keras.State, Is.Null);
        Assert.That(keras.Notes, Has.One.Contains("The optimizer's state was left out").And.One.Contains(why));
        Assert.That(keras.Model.WeightHash(), Is.EqualTo(KerasTestFile.Trained().Model.WeightHash()), "the weights load whatever the optimizer");
    }

    [Test]
    public void Load_NamesCutIntoPieces_AreReadAsOne()
    {
        byte[] file = KerasTestFile.Hdf5(hdf5 =>
        {
            var attributes = hdf5.Group("optimizer_weights").Attributes;
            var names = (string[])attributes["weight_names"];
            attributes.Remove("weight_names");
            attributes["weight_names0"] = names[..20];
            attributes["weight_names1"] = names[20..];
        });

        Assert.That(KerasFile.Parse(file, "m").State!.AdamV[^1].ToArray(), Is.EqualTo(KerasTestFile.Trained().State.AdamV[^1].ToArray()));
    }

    [Test]
    public void Load_Hdf5OfSomethingElse_SaysWhatKerasWouldHave() =>
        Assert.That(KerasTestFile.Refusal(KerasTestFile.Bytes(new H5File { ["data"] = new float[100] })), Does.Contain("not one of Keras").And.Contain("model_config"));

    [Test]
    public void Load_ConfigNotJson_SaysSo() =>
        Assert.That(KerasTestFile.Refusal(KerasTestFile.Zip("{\"class_name\": ", KerasTestFile.Weights())), Does.Contain("'config.json' is not valid JSON"));

    [Test]
    public void Load_DeeplyNestedConfig_IsRefused() =>
        Assert.That(KerasTestFile.Refusal(KerasTestFile.Zip(new string('[', 100_000), KerasTestFile.Weights())), Does.Contain("not valid JSON"));

    [Test]
    public void Load_ZipBomb_IsNotUnpacked()
    {
        byte[] bomb = KerasTestFile.Zip(KerasConfigWriter.Archive(KerasTestFile.Trained().Model, 1e-3).ToJsonString(), new byte[64 << 20], CompressionLevel.SmallestSize);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.That(KerasTestFile.Refusal(bomb), Does.Contain("zip bomb").And.Contain("67,108,864 bytes").And.Contain("at most 16,"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(16 << 20));
    }

    [Test]
    public void Load_ZipEntryThatLiesAboutItsSize_IsRefused()
    {
        byte[] file = KerasTestFile.Archive();
        int directory = file.AsSpan().LastIndexOf("PK\u0001\u0002"u8); // the last entry: model.weights.h5
        BitConverter.TryWriteBytes(file.AsSpan(directory + 24), 1000);  // its uncompressed size

        Assert.That(KerasTestFile.Refusal(file), Does.Contain("damaged"));
    }

    [Test]
    public void Load_ByteFlippedInAnArchive_FailsItsChecksum()
    {
        byte[] file = KerasTestFile.Archive();
        file[file.Length / 2] ^= 1;

        Assert.That(KerasTestFile.Refusal(file), Does.Contain("model.weights.h5").And.Contain("checksum"));
    }

    [Test]
    public void Load_ArchiveWithoutWeights_ListsWhatIsThere()
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            zip.CreateEntry("config.json");
            zip.CreateEntry("photo.jpg");
        }

        Assert.That(KerasTestFile.Refusal(stream.ToArray()), Does.Contain("no 'model.weights.h5'").And.Contain("photo.jpg"));
    }

    [Test]
    public void Load_ChunksOfHdf5110_SaysThatItIsNotDamagedAndHowToConvertIt() =>
        Assert.That(
            KerasTestFile.Refusal(KerasTestFile.Weights(file => file.Group("layers/dense/vars")["0"] = new H5Dataset(new float[32, 3], chunks: [16, 3]))),
            Does.Contain("chunked").And.Contain("The file is not damaged").And.Contain("load_weights"));

    [Test]
    public void Load_LinkToAnotherPlace_IsNotFollowed() =>
        Assert.That(KerasTestFile.Refusal(KerasTestFile.Weights(file => file.Group("layers")["dense"] = new H5SoftLink("/layers/dense"))), Does.Contain("'layers/dense/layers' is a link to another place or file").And.Contain("not damaged"));

    /// <summary>What the library says of a file that is kept here packed.</summary>
    private static string Small(string gzip)
    {
        using var packed = new GZipStream(new MemoryStream(Convert.FromBase64String(gzip)), CompressionMode.Decompress);
        using var whole = new MemoryStream();
        packed.CopyTo(whole);
        return KerasTestFile.Refusal(whole.ToArray());
    }

    private const string CountlessWays =
        "H4sIAAAAAAACA53Uv4pdVRjG4eM4xExghClMkUI7K5Gc78/e+/RBYiV4BU4hWIiFVl6AhXgj4o1YeRdW3oQymGyT74FduLr1W6t4qvfnly8+u33y7MnV48en1+fvV+e9j/69//nh6X+fL16++PLq6u" +
        "3bp9en06Pb0+md09X9869ePb0O5xlihpyhZugZlhnWGbYZLnt4/yG8e39+TjlTgpKUojRloayUjYI5MAfmwByYA3NgDsyBOTAH5sScmBNzYk7MiTkxJ+bEnJgLc2EuzIW5MBfmwlyYC3NhbsyNuTE3" +
        "5sbcmBtzY27MvZv/244PHt7vHt4ffXv/49ff//AdX96al9+ux7zMEDPkDDVDz7DMsM6wzXDZwz4vlDMlKEkpSlMWykrZKJgDc2AOzIE5MAfmwByYA3NgTsyJOTEn5sScmBNzYk7MibkwF+bCXJgLc2" +
        "EuzIW5MBfmxtyYG3NjbsyNuTE35sbcu/lgXv64PpyXm5sxLzPEDDlDzdAzLDOsM2wzXPawzwvlTAlKUorSlIWyUjYK5sAcmANzYA7MgTkwB+bAHJgTc2JOzIk5MSfmxJyYE3NiLsyFuTAX5sJcmAtz" +
        "YS7MhbkxN+bG3Jgbc2NuzI25MfduPpiXT24O5+Wb2zEvM8QMOUPN0DMsM6wzbDNc9rDPC+VMCUpSitKUhbJSNgrmwByYA3NgDsyBOTAH5sAcmBNzYk7MiTkxJ+bEnJgTc2IuzIW5MBfmwlyYC3NhLs" +
        "yFuTE35sbcmBtzY27Mjbkx924+mJdfbg/n5fe7MS8zxAw5Q83QMywzrDNsM1z2sM8L5UwJSlKK0pSFslI2CubAHJgDc2AOzIE5MAfmwByYE3NiTsyJOTEn5sScmBNzYi7MhbkwF+bCXJgLc2EuzIW5" +
        "MTfmxtyYG3NjbsyNuTH3bj6Yl7/uDufl46djXmaIGXKGmqFnWGZYZ9hmuOxhnxfKmRKUpBSlKQtlpWwUzIE5MAfmwByYA3NgDsyBOTAn5sScmBNzYk7MiTkxJ+bEXJgLc2EuzIW5MBfmwlyYC3Njbs" +
        "yNuTE35sbcmBtzY+7dfDAvnz89nJefno15mSFmyBlqhp5hmWGdYZvhsod9XihnSlCSUpSmLJSVslEwB+bAHJgDc2AOzIE5MAfmwJyYE3NiTsyJOTEn5sScmBNzYS7MhbkwF+bCXJgLc2EuzI25MTfm" +
        "xtyYG3NjbsyNuXfzwbz8+saXfwDunFGHBx8AAA==";

    private const string ChunksBeyond =
        "H4sIAAAAAAACA+3WzUsUYRgA8HfWddnMMDMRInIPXbrpWt2SDhoRQhBBt7athCQ/QCOsi146BP0BdfNUx+7d6t4/EHQTisq+NC8daseZFXHXdjWJqN8Dw877vM/vmZmXl9m5f3bozL62Q22ZfD5U40" +
        "car1eT8bPVsOOYfbX0vD+qnLxY+HZ+Il9aCEKI/y4GW8LnEF28MDwcheL6K6YaHdmkqqXJblfSX47jOI7jOI77F93ad3P0tuV3v5unsju7PsdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdx" +
        "HMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHMdxHM" +
        "dxHMdxHMdxHMdxHMdxHMdx3L/qzp8dupDJzFTOoqMhZLIhqsrNv4Xq+GAInYXekE2zPfnQM1c5y/dW5jKtTzrSukxyRCE54vK97ZVUlGT21NzEYJxfqwhrNb+82IHKXNT3PqnKhr8nap+l0NSzzKfP" +
        "Mh/E1mt5uqm1HPmQlkXWUGy1l+ab2ksPlza8z4Sou5damtpLi5+SqvaaXvF/RK49fmFFfU/fJTPpuD982FzdFc92xLPZ2+Xpmb6vmwtON9EuHRc3jQcaXm7u667e/cdttRtZatDu1PIfXYwHy7t699" +
        "+31e7hpwbtzq380cV4tLKrOyP/bTvtFr80aHeppl2u8n2Q64wLctemJm8Xr19O92LuSJzsulq+de1GaXJqeqI8Pna3fGtsavJltaIrrsgnrNR/eLleunizmi7E6e46/Ur9r+rSgWMr9dLHZ1cadiy+" +
        "qUtPnEyfP7c/TrdeH52cGb1XsybdYX1Nxst3RqdnHm8o+Qld4Vm/3fYAAA==";
}
