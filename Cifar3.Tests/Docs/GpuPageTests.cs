using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The code of docs/gpu.md: it trains where there is a GPU, and says what is missing where there is none.</summary>
public sealed class GpuPageTests
{
    [Test]
    public void Page_TrainOnTheGpu_NamesTheEngineOrWhatIsMissing()
    {
        var images = ColourImages.Create(8);
        try
        {
            Assert.That(Train(new ImageData(images, images, "colours")).Engine, Does.StartWith("GPU"));
        }
        catch (GpuException e)
        {
            Assert.That(e.Message, Does.StartWith("There is no GPU to train on").And.Contain("OpenCL"));
        }
    }

    private static TrainingResult Train(ImageData data)
    {
        // docs/gpu.md
        var options = new TrainerOptions { Engine = TrainingEngine.Gpu };
        var result = new Cifar3Trainer(options).Fit(data.Train, data.Test);
        Console.WriteLine(result.Engine);   // GPU 0.1.0 (NVIDIA H100 80GB HBM3 (CUDA driver 12.4, sm_90))
        // end
        return result;
    }
}
