"""The same network and recipe in Keras on TensorFlow on the CPU: keras_cnn.py FOLDER THREADS float32|mixed_bfloat16

fit and predict get tf.data pipelines of slices with autotuning off. A pipeline with it on has a thread that sleeps 10, 20, 40 ... ms
between its looks at the pipeline, and is now and then ended only when that thread wakes: a fit of 6 seconds then takes 10.23 = the sum of
the first ten sleeps, the last four seconds of it idle. NumPy arrays become such pipelines inside Keras, with no way to turn that off.
"""
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"

import cifar3_work as work

try:
    import keras
    import tensorflow
except ImportError as error:
    work.say({"missing": str(error)})
    sys.exit()

folder, threads, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
keras.mixed_precision.set_global_policy(mode)
keras.utils.set_random_seed(1)
layers = keras.layers


def network():
    model = keras.Sequential([keras.Input((32, 32, 3))])
    for filters in (32, 64, 128):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.BatchNormalization())
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(0.5))
    model.add(layers.Flatten())
    model.add(layers.Dense(3))
    model.add(layers.Activation("softmax", dtype="float32"))
    assert model.count_params() == 289_443
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)  # XLA is slower on a CPU
    return model


train_x, train_y = work.read_images(f"{folder}/train.bin")
test_x, test_y = work.read_images(f"{folder}/test.bin")
model = network()
state = {"next": 0}
parts, tests, seconds = {}, {}, {}


def untuned(pipeline):
    options = tensorflow.data.Options()
    options.autotune.enabled = False
    return pipeline.prefetch(2).with_options(options)


def slices(arrays, batch):
    return untuned(tensorflow.data.Dataset.from_tensor_slices(arrays).batch(batch))


def train(count):
    images = count * work.BATCH
    if state["next"] + images > len(train_x):
        state["next"] = 0
    part = slice(state["next"], state["next"] + images)
    key = part.start, images
    if key not in parts:
        parts[key] = slices((train_x[part], train_y[part]), work.BATCH)
    model.fit(parts[key], verbose=0)
    state["next"] = part.stop
    return {"images": images}


def predict(batch):
    if batch not in tests:
        tests[batch] = slices(test_x, batch)
    probabilities = model.predict(tests[batch], verbose=0)
    return {"images": len(test_x), "correct": int((probabilities.argmax(1) == test_y).sum())}


def evaluate():
    if not seconds:  # the first call finds the batch size that is fastest here
        for batch in (64, 128, 512):
            predict(batch)
            seconds[batch] = work.timed(lambda: predict(batch))["seconds"]
    return predict(min(seconds, key=seconds.get))


def recipe(epochs):
    shuffled = tensorflow.data.Dataset.from_tensor_slices((train_x, train_y)).shuffle(len(train_x)).batch(work.BATCH)
    log = network().fit(untuned(shuffled), epochs=epochs, validation_data=slices((test_x, test_y), 128), verbose=0).history
    return {"accuracy": log["accuracy"][-1], "val_accuracy": log["val_accuracy"][-1]}


work.serve(f"Keras {keras.__version__} on TensorFlow {tensorflow.__version__}, {mode}, tf.data", train, evaluate, recipe)
