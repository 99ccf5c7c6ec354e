"""Corruption of the inputs of denoising autoencoders. Vincent et al. 2008; 2010, section 4.2."""

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
    """Return a corrupted copy of ``x``, which has any shape; each element is corrupted independently.

    Args:
        noise: ``gaussian`` adds noise of standard deviation ``level``; ``masking`` sets a fraction ``level`` of the
            elements to 0; ``salt_and_pepper`` sets it to ``low`` or ``high``, each with probability 1/2.
        generator: on any device; None: torch's global generator on the device of ``x``.
    """
    if noise == "none":
        return x
    # A generator draws on its own device only; from one on the CPU the noise is the same whatever device trains.
    device = x.device if generator is None else generator.device
    settings: dict[str, Any] = {"generator": generator, "device": device, "dtype": x.dtype}
    if noise == "gaussian":
        # Not clipped to the valid range: the net sees the noise that the paper defines.
        return x + level * torch.randn(x.shape, **settings).to(x.device)
    draw = torch.rand(x.shape, **settings).to(x.device)  # uniform in [0, 1): below level with probability level
    if noise == "masking":
        return torch.where(draw < level, 0.0, x)
    extremes = torch.where(draw < level / 2, low, high).to(x.dtype)  # the lower half becomes low
    return torch.where(draw < level, extremes, x)


def check_noise_level(noise: str, level: float) -> None:
    """Raise ArgumentError if the noise replaces a fraction of the numbers and ``level`` is not a fraction."""
    if noise in ("masking", "salt_and_pepper") and not 0 <= level <= 1:
        raise ArgumentError(
            f"noise_level is {level} and noise {noise};",
            "it is the fraction of the numbers that are replaced, from 0 to 1;",
            "try task.noise_level=0.3.",
        )
