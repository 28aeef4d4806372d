"""The same network and recipe in PyTorch on the CPU: torch_cnn.py FOLDER THREADS fp32|channels_last|bf16"""
import sys

import numpy

import cifar3_work as work

try:
    import torch
    from torch import nn

    from torch_network import network
except ImportError as error:
    work.say({"missing": str(error)})
    sys.exit()

folder, threads, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
torch.manual_seed(1)
layout = torch.contiguous_format if mode == "fp32" else torch.channels_last


def images(name):
    pixels, labels = work.read_images(f"{folder}/{name}.bin")
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2)).contiguous(memory_format=layout), torch.from_numpy(labels)


train_x, train_y = images("train")
test_x, test_y = images("test")
criterion = nn.CrossEntropyLoss()


def forward(model, x):
    if mode != "bf16":
        return model(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return model(x).float()


class Training:
    def __init__(self):
        self.model = network(layout)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, eps=1e-7)
        self.correct = torch.zeros((), dtype=torch.int64)

    def step(self, x, y):
        self.optimizer.zero_grad(set_to_none=True)
        logits = forward(self.model, x)
        criterion(logits, y).backward()
        self.optimizer.step()
        self.correct += (logits.detach().argmax(1) == y).sum()

    def evaluate(self, batch=128):
        self.model.eval()
        with torch.no_grad():
            correct = sum(int((forward(self.model, test_x[i : i + batch]).argmax(1) == test_y[i : i + batch]).sum()) for i in range(0, len(test_x), batch))
        self.model.train()
        return correct


training = Training()
state = {"next": 0}


def train(count):
    for first in work.next_batches(state, count, len(train_x)):
        training.step(train_x[first : first + work.BATCH], train_y[first : first + work.BATCH])
    return {"images": count * work.BATCH}


def evaluate():
    return {"images": len(test_x), "correct": training.evaluate()}


def recipe(epochs):
    run = Training()
    for _ in range(epochs):
        run.correct.zero_()
        for part in torch.randperm(len(train_x)).split(work.BATCH):
            run.step(train_x[part].contiguous(memory_format=layout), train_y[part])
        accuracy, validated = int(run.correct) / len(train_x), run.evaluate() / len(test_x)
    return {"accuracy": accuracy, "val_accuracy": validated}


words = {"fp32": "fp32", "channels_last": "fp32 channels_last", "bf16": "bf16 autocast channels_last"}[mode]
work.serve(f"PyTorch {torch.__version__}, {words}", train, evaluate, recipe)
