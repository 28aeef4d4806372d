namespace Cifar3.Benchmarks;

/// <summary>The folder that all contenders read: <c>train.bin</c>, <c>test.bin</c>, <c>model.onnx</c>.</summary>
internal sealed class WorkFolder(string path)
{
    private CnnModel? model;

    public string Path { get; } = path;

    /// <summary>The initial model, exported.</summary>
    public string Model => System.IO.Path.Combine(Path, "model.onnx");

    /// <summary>Writes the files of a folder in the system's place for temporary files; delete it afterwards.</summary>
    public static WorkFolder Create(ImageData data)
    {
        var folder = new WorkFolder(Directory.CreateTempSubdirectory("cifar3-benchmark-").FullName);
        BenchmarkImages.Write(data.Train, folder.File("train"));
        BenchmarkImages.Write(data.Test, folder.File("test"));
        CnnModel.Create(data.ClassNames, seed: 1).SaveOnnx(folder.Model);
        return folder;
    }

    public CnnModel ReadModel() => model ??= CnnModel.LoadOnnx(Model);

    public ImageSet ReadTrain() => BenchmarkImages.Read(File("train"), ReadModel().ClassNames);

    public ImageSet ReadTest() => BenchmarkImages.Read(File("test"), ReadModel().ClassNames);

    public void Delete() => Directory.Delete(Path, recursive: true);

    private string File(string name) => System.IO.Path.Combine(Path, name + ".bin");
}
