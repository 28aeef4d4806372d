using Cifar3.Training;

namespace Cifar3.Tests;

/// <summary>Forward and backward passes against double precision, for the network's layers and random shapes, at every vector width.</summary>
[Category(TestCategories.Numerics)]
public unsafe class WinogradConvolutionTests
{
    private const double ForwardLimit = 5e-6, GradientLimit = 2e-5;

    // images, input height and width, Cin, Cout, border, computed height and width, capacity
    private static readonly (string Name, bool F6, int[] Size)[] Shapes =
    [
        ("conv2d_1", true, [2, 32, 32, 32, 32, 0, 30, 30, 20]),
        ("conv2d_2", false, [2, 15, 15, 32, 64, 1, 15, 15, 16]),
        ("conv2d_3", true, [3, 15, 15, 64, 64, 0, 12, 12, 7]),
        ("conv2d_4", true, [5, 6, 6, 64, 128, 1, 6, 6, 3]),
        ("conv2d_5", false, [5, 6, 6, 128, 128, 0, 4, 4, 32]),
        ("one vector", false, [3, 9, 7, 16, 16, 1, 9, 7, 5]),
        ("odd panels", true, [2, 13, 10, 48, 80, 0, 11, 8, 3]),
        ("one pixel", true, [1, 1, 1, 16, 48, 1, 1, 1, 1]),
        ("cut output", false, [2, 14, 19, 48, 16, 0, 10, 16, 9]),
    ];

    private static readonly int[] EightRows = [20, 16, 32, 16, 16], SixRows = [25, 24, 24, 16, 16]; // WinogradPlan's blocks

    private static IEnumerable<TestCaseData> Cases() =>
        from level in SimdLevels.Available
        from shape in Shapes
        select new TestCaseData($"{level}", shape.F6, shape.Size).SetArgDisplayNames($"{level}", shape.Name);

    private static IEnumerable<TestCaseData> Levels() =>
        from level in SimdLevels.Available
        from f6 in new[] { false, true }
        select new TestCaseData($"{level}", f6);

    /// <summary>Whatever the block's length: what is asked for ahead is each image once, as a tile of it comes up.</summary>
    [TestCase(20)]
    [TestCase(25)]
    [TestCase(64)]
    public void Begun_BlocksOfARun_NameEachImageOnce(int capacity)
    {
        var shape = WinogradShape.Of<WinogradF6>(32, 32, 30, 30, 0, capacity); // 25 tiles an image
        const int Images = 7;
        var begun = new List<int>();

        for (int tile = 0; tile < Images * 25; tile += capacity)
        {
            var images = shape.Begun(tile, Images * 25);
            begun.AddRange(Enumerable.Range(images.First, images.End - images.First));
            Assert.That(begun, Does.Contain(Math.Min(tile + capacity - 1, Images * 25 - 1) / 25));
        }

        Assert.That(begun, Is.EqualTo(Enumerable.Range(0, Images)));
        Assert.That(shape.Begun(Images * 25 + 3, Images * 25), Is.EqualTo(new ImagesAhead(Images, Images)));
    }

    [TestCaseSource(nameof(Cases))]
    public void ForwardAndBackward_AnyShape_MatchDouble(string level, bool f6, int[] size)
    {
        var (y, dx, dg, db) = Check(level, f6, size, seed: 1);
        TestContext.Out.WriteLine($"relative error: y {y:e1}, dx {dx:e1}, dg {dg:e1}, db {db:e1}");
        Assert.Multiple(() =>
        {
            Assert.That(y, Is.LessThan(ForwardLimit));
            Assert.That(dx, Is.LessThan(GradientLimit));
            Assert.That(dg, Is.LessThan(GradientLimit));
            Assert.That(db, Is.LessThan(1e-6));
        });
    }

    /// <summary>The network's layers in the tiles and blocks that it uses, on batches of one, odd, usual and odd large size, at every vector width.</summary>
    [Test]
    public void ForwardAndBackward_EveryBatch_MatchDouble([Range(0, 4)] int layer, [Values(1, 7, 128, 130)] int images)
    {
        var (name, f6, size) = Shapes[layer];
        var problem = Problem([images, .. size[1..]], seed: images);
        var expected = new Expected(problem);
        foreach (var level in SimdLevels.Available)
        {
            var (y, dx, dg, db) = Check($"{level}", f6, problem, (level == SimdLevel.V512 ? EightRows : SixRows)[layer], expected);
            TestContext.Out.WriteLine($"{name}, {images} images, {level}: relative error y {y:e1}, dx {dx:e1}, dg {dg:e1}, db {db:e1}");
            Assert.That(new[] { y / ForwardLimit, dx / GradientLimit, dg / GradientLimit, db / GradientLimit }, Is.All.LessThan(1), $"{level}");
        }
    }

    [TestCaseSource(nameof(Levels))]
    public void ForwardAndBackward_RandomShapes_MatchDouble(string level, bool f6)
    {
        var random = new PhiloxRandom(3, RandomStreams.Examples);
        for (int i = 0; i < 12; i++)
        {
            int border = random.Next(2), height = 3 + random.Next(14), width = 3 + random.Next(14), valid = 2 * (1 - border);
            int rows = 1 + random.Next(height - valid), columns = 1 + random.Next(width - valid);
            int[] size = [1 + random.Next(3), height, width, 16 * (1 + random.Next(4)), 16 * (1 + random.Next(4)), border, rows, columns, 1 + random.Next(40)];
            var (y, dx, dg, _) = Check(level, f6, size, seed: 10 + i);
            Assert.That(new[] { y / ForwardLimit, dx / GradientLimit, dg / GradientLimit }, Is.All.LessThan(1), string.Join(' ', size));
        }
    }

    [Test]
    public void Forward_WrongWeight_IsFound()
    {
        var problem = Problem([1, 15, 15, 32, 64, 1, 15, 15, 16], 1);
        var expected = problem.Forward();
        problem.G[5] += 1e-3f;
        using var runner = new WinogradRunner<V128, WinogradF4>(problem, 16);
        runner.Forward(new PlainSink(runner.Y, runner.Bias, float.NegativeInfinity));
        Assert.That(WinogradProblem.Error(expected, runner.Read(runner.Y, 15, 15)), Is.GreaterThan(ForwardLimit));
    }

    [Test]
    public void Backward_OtherBlocks_SameInputGradientBits()
    {
        var problem = Problem([3, 15, 15, 32, 64, 1, 15, 15, 16], 1);
        float[] first = InputGradient(16), second = InputGradient(5);
        Assert.That(second, Is.EqualTo(first));

        float[] InputGradient(int capacity)
        {
            using var runner = new WinogradRunner<V128, WinogradF4>(problem, capacity);
            runner.Fill(runner.Y, problem.Dy, 15, 15);
            runner.Backward(new PlainSource(runner.Y));
            return runner.Read(runner.Dx, 15, 15);
        }
    }

    [Test]
    public void Backward_KeepingBlocks_SameGradients([Values(1, 2, 16)] int capacity)
    {
        var problem = Problem([5, 6, 6, 32, 48, 1, 6, 6, 16], 1);
        using var runner = new WinogradRunner<V128, WinogradF6>(problem, capacity);
        using var keeping = new WinogradRunner<V128, WinogradF6>(problem, capacity);
        foreach (var r in new[] { runner, keeping })
        {
            r.Fill(r.Y, problem.Dy, 6, 6);
        }

        runner.Backward(new PlainSource(runner.Y));
        keeping.BackwardKeepingBlocks(new PlainSource(keeping.Y));

        var (_, dg, _) = problem.Backward();
        Assert.That(keeping.Read(keeping.Dx, 6, 6), Is.EqualTo(runner.Read(runner.Dx, 6, 6)));
        Assert.That(WinogradProblem.Error(dg, new ReadOnlySpan<float>(keeping.Dg, dg.Length)), Is.LessThan(GradientLimit));
        Assert.That(new Span<double>(keeping.Db, problem.Outputs).ToArray(), Is.EqualTo(new Span<double>(runner.Db, problem.Outputs).ToArray()).Within(1e-5));
    }

    [Test]
    public void SumOfWeightGradients_SeveralShards_IsTheirSum([Values(1, 2, 8)] int shards)
    {
        var shape = WinogradShape.Of<WinogradF4>(16, 48, 4, 4, 0, 4);
        using var data = new KernelTestData(1);
        int size = (int)shape.WeightFloats;
        float* du = data.Floats(shards * size);
        float[] before = new Span<float>(du, shards * size).ToArray();

        for (int point = 0; point < shape.Points; point++)
        {
            float* sum = du + point * shape.WeightStride;
            ShardGradients.Add<V128>(sum, size, shards, 16 * 48, sum);
        }

        for (int i = 0; i < size; i++)
        {
            float sum = before[i];
            for (int shard = 1; shard < shards; shard++)
            {
                sum += before[shard * size + i];
            }

            bool used = i % (int)shape.WeightStride < 16 * 48; // the rest keeps strides off whole pages
            Assert.That(du[i], Is.EqualTo(used ? sum : before[i]));
        }
    }

    private static WinogradProblem Problem(int[] s, int seed) => new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], seed);

    private static (double Y, double Dx, double Dg, double Db) Check(string level, bool f6, int[] size, int seed)
    {
        var problem = Problem(size, seed);
        return Check(level, f6, problem, size[8], new Expected(problem));
    }

    private static (double Y, double Dx, double Dg, double Db) Check(string level, bool f6, WinogradProblem problem, int capacity, Expected expected) =>
        (Enum.Parse<SimdLevel>(level), f6) switch
        {
            (SimdLevel.V512, true) => Check<V512, WinogradF6>(problem, capacity, expected),
            (SimdLevel.V512, false) => Check<V512, WinogradF4>(problem, capacity, expected),
            (SimdLevel.V256, true) => Check<V256, WinogradF6>(problem, capacity, expected),
            (SimdLevel.V256, false) => Check<V256, WinogradF4>(problem, capacity, expected),
            (_, true) => Check<V128, WinogradF6>(problem, capacity, expected),
            (_, false) => Check<V128, WinogradF4>(problem, capacity, expected),
        };

    private static (double Y, double Dx, double Dg, double Db) Check<V, TTile>(WinogradProblem problem, int capacity, Expected expected)
        where V : struct, ISimd<V>
        where TTile : struct, IWinogradTile
    {
        using var runner = new WinogradRunner<V, TTile>(problem, capacity);
        runner.Forward(new PlainSink(runner.Y, runner.Bias, float.NegativeInfinity));
        double y = WinogradProblem.Error(expected.Y, runner.Read(runner.Y, problem.Height, problem.Width));
        runner.Fill(runner.Y, problem.Dy, problem.Height, problem.Width);
        runner.Backward(new PlainSource(runner.Y));
        var (dx, dg, db) = expected.Gradients;
        var biasGradient = new float[problem.Outputs];
        for (int co = 0; co < biasGradient.Length; co++)
        {
            biasGradient[co] = (float)runner.Db[co];
        }

        return (y,
            WinogradProblem.Error(dx, runner.Read(runner.Dx, problem.InHeight, problem.InWidth)),
            WinogradProblem.Error(dg, new ReadOnlySpan<float>(runner.Dg, dg.Length)),
            WinogradProblem.Error(db, biasGradient));
    }

    /// <summary>What double precision gives.</summary>
    private sealed class Expected(WinogradProblem problem)
    {
        public double[] Y { get; } = problem.Forward();

        public (double[] Dx, double[] Dg, double[] Db) Gradients { get; } = problem.Backward();
    }
}
