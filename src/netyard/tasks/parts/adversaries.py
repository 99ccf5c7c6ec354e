"""Generator and discriminator: what a task may ask of them, and what it may do to their weights."""

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
    """What the task needs of a net; where it is ``conditional``, the labels (B,) come second to both."""

    latent_size: int
    input_shape: tuple[int, ...]  # of a picture, (C, H, W)
    conditional: bool
    generator: nn.Module  # (B, latent_size) -> (B, C, H, W) in [-1, 1]
    discriminator: nn.Module  # (B, C, H, W) -> (B,) logits of being real, or those and (B, num_classes) class logits


class AdversarialLoss(Protocol):
    """What the task needs of a loss: one for each player, and the logit from which on a picture counts as real."""

    boundary: float

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor: ...

    def generator(self, generated: Tensor) -> Tensor: ...


def check_adversarial(net: nn.Module, loss: nn.Module) -> None:
    """Raise ArgumentError unless the net has two players, and the loss one for each."""
    wanted = tuple(GeneratorAndDiscriminator.__annotations__)
    if missing := lacks(net, *wanted):
        raise ArgumentError(
            f"{type(net).__name__} has no {', '.join(missing)};",
            f"task 'adversarial' needs a net with {', '.join(wanted)};",
            "try model=dcgan, or task=classification.",
        )
    if lacks(loss, "generator", "discriminator", "boundary"):
        raise ArgumentError(
            f"loss {type(loss).__name__} is not one of two players;",
            "an adversarial loss has a generator's and a discriminator's;",
            "try loss=non_saturating.",
        )


@contextmanager
def frozen(player: nn.Module) -> Iterator[None]:
    """No gradient for the player's weights, only through them."""
    learning = [each for each in player.parameters() if each.requires_grad]
    for each in learning:
        each.requires_grad_(False)
    try:
        yield
    finally:
        for each in learning:
            each.requires_grad_(True)


@torch.no_grad()
def follow(average: nn.Module, player: nn.Module, decay: float) -> None:
    """Weights a share of the way to the player's; its counters and running statistics as they are."""
    for mean, current in zip(average.parameters(), player.parameters(), strict=True):
        mean.lerp_(current, 1 - decay)
    for mean, current in zip(average.buffers(), player.buffers(), strict=True):
        mean.copy_(current)
