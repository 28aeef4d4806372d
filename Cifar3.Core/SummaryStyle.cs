namespace Cifar3;

/// <summary>Which generation's table <see cref="CnnModel.Summary"/> prints.</summary>
public enum SummaryStyle
{
    /// <summary>Keras 3: a box of lines, layers named from <c>conv2d</c>, sizes in MB.</summary>
    Keras3,

    /// <summary>Keras 2.16, which tf_keras and TensorFlow 2 up to 2.15 also print: blank lines between layers, long names broken.</summary>
    Keras2,

    /// <summary>Keras 2.3.1, the last Keras of its own package: underscores between layers, long names cut, layers named from <c>conv2d_1</c>.</summary>
    Keras231,
}
