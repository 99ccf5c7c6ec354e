"""Generator and discriminator: the interfaces that the task needs, freezing, and the moving average."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.tasks.interfaces import lacks

Scores = tuple[Tensor, Tensor | None]
"""Logits (B,) of being real, and class logits (B, num_classes) where the discriminator has any."""


class GeneratorAndDiscriminator(Protocol):
    """The net that the task needs; if it is ``conditional``, labels (B,) are the second argument of both parts."""

    latent_size: int
    input_shape: tuple[int, ...]  # of a picture, (C, H, W)
    conditional: bool
    generator: nn.Module  # (B, latent_size) -> (B, C, H, W) in [-1, 1]
    discriminator: nn.Module  # (B, C, H, W) -> (B,) logits of being real, or those and (B, num_classes) class logits


class AdversarialLoss(Protocol):
    """The loss that the task needs: one for each network, and the logit above which an image counts as real."""

    boundary: float

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor: ...

    def generator(self, generated: Tensor) -> Tensor: ...


def check_adversarial(net: nn.Module, loss: nn.Module) -> None:
    """Raise ArgumentError unless the net and the loss have a generator and a discriminator."""
    wanted = tuple(GeneratorAndDiscriminator.__annotations__)
    if missing := lacks(net, *wanted):
        raise ArgumentError(
            f"{type(net).__name__} has no {', '.join(missing)};",
            f"task 'adversarial' needs a net with {', '.join(wanted)};",
            "try model=dcgan, or task=classification.",
        )
    if lacks(loss, "generator", "discriminator", "boundary"):
        raise ArgumentError(
            f"loss {type(loss).__name__} is not adversarial;",
            "task 'adversarial' needs a loss of the generator and one of the discriminator;",
            "try loss=non_saturating.",
        )


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Gradients pass through the network, but are not computed for its weights."""
    learning = [each for each in network.parameters() if each.requires_grad]
    for each in learning:
        each.requires_grad_(False)
    try:
        yield
    finally:
        for each in learning:
            each.requires_grad_(True)


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Update a moving average of a network's weights; its buffers (batch statistics) are copied."""
    for mean, current in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(current, 1 - decay)
    for mean, current in zip(average.buffers(), network.buffers(), strict=True):
        mean.copy_(current)
