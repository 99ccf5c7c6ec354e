"""Generator and discriminator: the interfaces that the task needs, and freezing of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.tasks.interfaces import lacks

Scores = tuple[Tensor, Tensor | None]
"""Logits (B,) that a sample is real, and class logits (B, num_classes) of an auxiliary classifier, if there is one."""


class GeneratorAndDiscriminator(Protocol):
    """The interface of the net; if ``conditional`` is true, both parts take labels (B,) as a second argument."""

    latent_size: int
    input_shape: tuple[int, ...]  # (C, H, W) of an image, (F,) of a row of a table
    conditional: bool
    generator: nn.Module  # (B, latent_size) -> images (B, C, H, W) in [-1, 1], or rows (B, F)
    discriminator: (
        nn.Module
    )  # (B, *input_shape) -> (B,) logits of being real, or those and (B, num_classes) class logits


class AdversarialLoss(Protocol):
    """The interface of the loss: one method for each network, and the logit above which a sample counts as real."""

    # Not 0 for every loss: least squares has the targets 0 and 1, so its decision boundary is 0.5.
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
    """Within the context, gradients flow through the network to its input, but not into its weights."""
    # Only those that train now: a pretrained part that the user froze must stay frozen afterwards.
    trainable = [each for each in network.parameters() if each.requires_grad]
    for each in trainable:
        each.requires_grad_(False)
    try:
        yield
    finally:
        for each in trainable:
            each.requires_grad_(True)
