using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>The code of docs/tensorflow.md, run where TensorFlow's library is.</summary>
public sealed class TensorFlowPageTests : TensorFlowTestBase
{
    [Test]
    public void Page_TrainOnTensorFlow_NamesTheEngine()
    {
        var images = ColourImages.Create(6);

        Assert.That(Train(new ImageData(images, images, "colours")).Engine, Does.StartWith("TensorFlow"));
    }

    [Test]
    public void Page_GetInfo_Prints()
    {
        Assert.DoesNotThrow(Print);
    }

    [Test]
    public void Page_GpuDemanded_IsInTheOptions()
    {
        Assert.That(DemandGpu().TensorFlow.Device, Is.EqualTo(TensorFlowDevice.Gpu));
    }

    private static TrainingResult Train(ImageData data)
    {
        // docs/tensorflow.md
        var options = new TrainerOptions { Engine = TrainingEngine.TensorFlow };
        var result = new Cifar3Trainer(options).Fit(data.Train, data.Test);
        Console.WriteLine(result.Engine);   // TensorFlow 2.16.1 (CPU, 8 threads)
        // end
        return result;
    }

    private static void Print()
    {
        // docs/tensorflow.md
        if (TensorFlowEngine.IsAvailable)
        {
            TensorFlowInfo info = TensorFlowEngine.GetInfo();
            Console.WriteLine(info);          // TensorFlow 2.16.1 (/app/runtimes/linux-x64/native/libtensorflow.so): CPU:0, GPU:0 (22,510 MB)
            Console.WriteLine(info.HasGpu);
        }
        // end
    }

    private static TrainerOptions DemandGpu()
    {
        // docs/tensorflow.md
        var demanding = new TrainerOptions { Engine = TrainingEngine.TensorFlow, TensorFlow = new() { Device = TensorFlowDevice.Gpu } };
        // end
        return demanding;
    }
}
