"""A small classifier of the real images, whose features are used to compare samples with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, count, islice

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (16, 32, 64)
BATCH_SIZE = 128

Batches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]
"""Of an epoch: pictures (b, C, H, W) in [0, 1] and their classes (b,), in the order of a seed."""


class SmallClassifier(nn.Module):
    """(B, C, H, W) in [0, 1] -> features (B, 64), the input of its last, linear layer.

    Three convolutions with batch norm, max pooling between them, and global average pooling; images of more than 32
    pixels a side are reduced first.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.BatchNorm2d(in_channels, affine=False)]
        width = in_channels
        for number, next_width in enumerate(WIDTHS):
            layers += [nn.MaxPool2d(2)] * bool(number)
            layers += [nn.Conv2d(width, next_width, 3, padding=1, bias=False), nn.BatchNorm2d(next_width), nn.ReLU()]
            width = next_width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, num_classes)

    def forward(self, pictures: Tensor) -> Tensor:
        if max(pictures.shape[2:]) > 32:
            pictures = F.adaptive_avg_pool2d(pictures, 32)
        return self.body(pictures).mean(dim=(2, 3))


def num_steps(num_samples: int) -> int:
    """Three epochs of the data, but 300 steps at least and 2,000 at most."""
    return min(max(300, 3 * num_samples // BATCH_SIZE), 2000)


def teach(net: SmallClassifier, batches: Batches, num_samples: int) -> SmallClassifier:
    """Train the classifier on these images, by Adam with a one-cycle learning rate.

    Deterministic, given the initial weights and the order of the batches. Smith & Topin 2017,
    arXiv:1708.07120.
    """
    steps = num_steps(num_samples)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    endless = chain.from_iterable(batches(epoch) for epoch in count())
    with torch.inference_mode(False), torch.enable_grad():
        for pictures, labels in islice(endless, steps):
            loss = F.cross_entropy(net.head(net(pictures)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def accuracy(net: SmallClassifier, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The share of images that are classified correctly, over the batches of an epoch."""
    with torch.no_grad():
        right = [net.head(net(pictures)).argmax(dim=1) == labels for pictures, labels in batches]
    return float(torch.cat(right).double().mean())
