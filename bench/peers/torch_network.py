"""The network of the PyTorch peers, in Keras' spelling: what torch_cnn.py trains on the CPU and torch_gpu.py on a GPU."""
import torch
from torch import nn


class Flatten(nn.Module):
    """Keras' order, channels last, so that the dense kernel means the same."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def network(layout):
    """Three blocks of 32, 64 and 128 filters and the dense layer, with Keras' initial weights, on the CPU; images are [N, 3, 32, 32] in that memory format."""
    layers, inputs = [], 3
    for filters in (32, 64, 128):
        layers += [nn.Conv2d(inputs, filters, 3, padding=1), nn.ReLU(inplace=True), nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)]
        layers += [nn.Conv2d(filters, filters, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.5)]
        inputs = filters
    model = nn.Sequential(*layers, Flatten(), nn.Linear(512, 3))
    for module in model:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    assert sum(p.numel() for p in model.parameters()) == 288_995
    return model.to(memory_format=layout)
