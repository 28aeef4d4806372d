namespace Cifar3.Training;

/// <summary>The file formats of <see cref="KerasFile.Save"/>.</summary>
public enum KerasFormat
{
    /// <summary>By the file's name: <c>.keras</c> is <see cref="Keras3"/>, <c>.weights.h5</c> is <see cref="Keras3Weights"/>, other <c>.h5</c> and <c>.hdf5</c> are <see cref="Keras3Hdf5"/>.</summary>
    Auto,

    /// <summary>Keras 3's own format, <c>.keras</c>: a zip archive of architecture and weights.</summary>
    Keras3,

    /// <summary>The whole model as HDF5, <c>.h5</c>, as Keras 3 writes and reads it.</summary>
    Keras3Hdf5,

    /// <summary>The whole model as HDF5, <c>.h5</c>, for Keras 2 (<c>tf_keras</c>, or <c>tf.keras</c> up to TensorFlow 2.15, with h5py 3).</summary>
    Keras2Hdf5,

    /// <summary>Weights alone, <c>.weights.h5</c>, for Keras 3's <c>load_weights</c>.</summary>
    Keras3Weights,
}
