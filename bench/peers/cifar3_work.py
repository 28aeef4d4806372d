"""What every Python peer shares: the images, and the loop that answers the benchmark program's requests.

A peer prints a line of JSON when it is ready, {"name": ...} or {"missing": why}, and then one for every line that it reads:
  train N     N steps of the next batches          {"images": ..., "seconds": ...}
  evaluate    all test images in inference mode    {"images": ..., "seconds": ..., "correct": ...}
  recipe N    N epochs with validation, from new   {"seconds": ..., "accuracy": ..., "val_accuracy": ...}
  memory      the most memory held so far          {"bytes": ...}
"""
import json
import resource
import sys
import time

import numpy

BATCH = 128
IMAGE = 32 * 32 * 3


def read_images(path):
    """Pixels [N, 32, 32, 3] as float32 in [0, 1], labels [N] as int64; the file has uint8 pixels and then uint8 labels."""
    data = numpy.fromfile(path, dtype=numpy.uint8)
    count = data.size // (IMAGE + 1)
    pixels = data[: count * IMAGE].reshape(count, 32, 32, 3).astype(numpy.float32) / numpy.float32(255)
    return pixels, data[count * IMAGE:].astype(numpy.int64)


def next_batches(state, count, total):
    """The first image of each of the next batches, round and round; every batch is a whole one."""
    for _ in range(count):
        if state["next"] + BATCH > total:
            state["next"] = 0
        yield state["next"]
        state["next"] += BATCH


def timed(work):
    """Runs work, which returns a dictionary, and adds the seconds it took."""
    begin = time.perf_counter()
    answer = work()
    answer["seconds"] = time.perf_counter() - begin
    return answer


def say(answer):
    print(json.dumps(answer), flush=True)


def serve(name, train, evaluate, recipe):
    say({"name": name})
    for line in sys.stdin:
        request = line.split()
        if request[0] == "train":
            say(timed(lambda: train(int(request[1]))))
        elif request[0] == "evaluate":
            say(timed(evaluate))
        elif request[0] == "recipe":
            say(timed(lambda: recipe(int(request[1]))))
        elif request[0] == "memory":
            say({"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024})
