"""The corrupted inputs of denoising autoencoders. Vincent et al. 2008; 2010, section 4.2."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netyard.errors import ArgumentError

NOISES = ("none", "gaussian", "masking", "salt_and_pepper")


def corrupt(
    x: Tensor,
    noise: str,
    level: float,
    low: float = 0.0,
    high: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """A corrupted copy of ``x``, of any shape; each number has its own draw.

    Args:
        noise: ``gaussian`` adds noise of standard deviation ``level``; ``masking`` sets a share ``level`` of the
            numbers to 0; ``salt_and_pepper`` sets it to ``low`` or ``high``, each with probability 1/2.
        generator: of any device; None: torch's global generator on the device of ``x``.
    """
    if noise == "none":
        return x
    device = x.device if generator is None else generator.device
    settings: dict[str, Any] = {"generator": generator, "device": device, "dtype": x.dtype}
    if noise == "gaussian":
        return x + level * torch.randn(x.shape, **settings).to(x.device)
    draw = torch.rand(x.shape, **settings).to(x.device)
    if noise == "masking":
        return torch.where(draw < level, 0.0, x)
    extremes = torch.where(draw < level / 2, low, high).to(x.dtype)  # the lower half of the draws is pepper
    return torch.where(draw < level, extremes, x)


def check_noise_level(noise: str, level: float) -> None:
    """Raise ArgumentError if the noise replaces a fraction of the numbers and ``level`` is not a fraction."""
    if noise in ("masking", "salt_and_pepper") and not 0 <= level <= 1:
        raise ArgumentError(
            f"noise_level is {level} and noise {noise};",
            "it is the fraction of the numbers that are replaced, from 0 to 1;",
            "try task.noise_level=0.3.",
        )
