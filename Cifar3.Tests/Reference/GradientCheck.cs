namespace Cifar3.Tests;

/// <summary>Finite differences: the check of a gradient that needs nothing but the function itself.</summary>
internal static class GradientCheck
{
    /// <summary>
    /// The largest difference between a claimed gradient and (f(x + h) − f(x − h))/2h, element by element, relative to the gradient's
    /// largest element. About 1e-9 for a right gradient of a smooth function in double; every element of x is tried, or `only` those.
    /// </summary>
    public static double WorstError(Func<double> f, double[] x, double[] claimed, double h = 1e-5, IEnumerable<int>? only = null)
    {
        Assert.That(claimed, Has.Length.EqualTo(x.Length));
        double worst = 0, largest = 0;
        foreach (int n in only ?? Enumerable.Range(0, x.Length))
        {
            double kept = x[n];
            x[n] = kept + h;
            double above = f();
            x[n] = kept - h;
            double below = f();
            x[n] = kept;
            double measured = (above - below) / (2 * h);
            worst = EngineComparison.Worse(worst, Math.Abs(measured - claimed[n]));
            largest = Math.Max(largest, Math.Abs(measured));
        }

        Assert.That(largest, Is.Positive, "The function does not depend on these elements: nothing was checked.");
        return worst / largest;
    }

    /// <summary>Random numbers in [−1, 1), at least `gap` away from 0 so that ReLU has no tie within a finite difference.</summary>
    public static double[] Random(int count, uint seed, double gap = 0)
    {
        var random = new PhiloxRandom((int)seed, 0);
        var values = new double[count];
        for (int n = 0; n < count; n++)
        {
            do
                values[n] = 2 * random.NextSingle() - 1;
            while (Math.Abs(values[n]) < gap);
        }

        return values;
    }

    /// <summary>Σ a·b: with fixed random b, a function of all elements of a whose gradient by a is b.</summary>
    public static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
}
