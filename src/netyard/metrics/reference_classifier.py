"""A small classifier of the real images; its features are used to compare generated samples with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, count, islice

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Scores are cached by a key that does not contain these values: a change needs another ``classifier=`` in the key of
# callbacks/sample_quality.py.
WIDTHS = (16, 32, 64)
BATCH_SIZE = 128

Batches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]
"""Epoch -> batches of images (b, C, H, W) in [0, 1] and their classes (b,), shuffled with the epoch as the seed."""


class SmallClassifier(nn.Module):
    """(B, C, H, W) in [0, 1] -> features (B, 64), the input of its last, linear layer.

    Three convolutions with batch norm, max pooling between them, and global average pooling; images larger than 32
    pixels are downsampled first.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        # Without affine parameters, batch norm is only a normalisation of the input by its running statistics.
        layers: list[nn.Module] = [nn.BatchNorm2d(in_channels, affine=False)]
        width = in_channels
        for number, next_width in enumerate(WIDTHS):
            layers += [nn.MaxPool2d(2)] * bool(number)  # none before the first convolution
            layers += [nn.Conv2d(width, next_width, 3, padding=1, bias=False), nn.BatchNorm2d(next_width), nn.ReLU()]
            width = next_width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        # Bounds the time of training: it is proportional to the number of pixels.
        if max(images.shape[2:]) > 32:
            images = F.adaptive_avg_pool2d(images, 32)
        return self.body(images).mean(dim=(2, 3))  # (B, 64, h, w) -> (B, 64)


@torch.no_grad()
def measure_norms(net: SmallClassifier, batches: Iterable[Tensor]) -> SmallClassifier:
    """Set the running statistics of batch norm to the means over batches (b, C, H, W), and set evaluation mode."""
    norms = [each for each in net.modules() if isinstance(each, nn.BatchNorm2d)]
    usual = [each.momentum for each in norms]
    for each in norms:
        each.reset_running_stats()
        each.momentum = None  # a cumulative mean
    net.train()
    for images in batches:
        if len(images) > 1:
            net(images)
    for each, momentum in zip(norms, usual, strict=True):
        each.momentum = momentum
    return net.eval()


def num_steps(num_samples: int) -> int:
    """Training steps: three epochs of the data, but at least 300 and at most 2,000."""
    return min(max(300, 3 * num_samples // BATCH_SIZE), 2000)


def train_classifier(net: SmallClassifier, batches: Batches, num_samples: int) -> SmallClassifier:
    """Train the classifier on the images by Adam with a one-cycle learning rate, and set it to evaluation mode.

    Deterministic, given the initial weights and the order of the batches. Smith & Topin 2017, arXiv:1708.07120.
    """
    steps = num_steps(num_samples)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)  # OneCycleLR replaces this lr
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    endless = chain.from_iterable(batches(epoch) for epoch in count())
    # The caller may be a test of Lightning, which runs in inference mode without gradients.
    with torch.inference_mode(False), torch.enable_grad():
        for images, labels in islice(endless, steps):
            loss = F.cross_entropy(net.head(net(images)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def accuracy(net: SmallClassifier, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The fraction of images that are classified correctly, over all batches."""
    with torch.no_grad():
        right = [net.head(net(images)).argmax(dim=1) == labels for images, labels in batches]
    return float(torch.cat(right).double().mean())
