"""Likelihoods of decoders: the log-probability of pixels in [0, 1] of each sample, in nats.

A likelihood has ``num_parameters`` parameters for each pixel. They are the channels of the decoder's output: first
those of the first parameter, then those of the second one. Tables have columns in place of pixels.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.ranges.bounds import Count, OneOf, Positive
from netyard.ranges.signature import check

BINARIZATIONS = (False, "threshold", "sample")


def bernoulli_log_prob(logits: Tensor, pixels: Tensor) -> Tensor:
    """Logits ``(B, C, H, W)`` and pixels in [0, 1] of the same shape  ->  ``(B,)``.

    For pixels that are 0 or 1 it is a log-probability. A grey pixel counts as the probability of a 1: the result is
    then the expectation over images drawn with these probabilities, as most papers report it. It is not a log-density
    of the grey image, and cannot be compared with one.
    """
    # (B, C, H, W) -> (B, C * H * W) -> (B,): pixels are independent given the code, so log-probabilities add up.
    return -F.binary_cross_entropy_with_logits(logits, pixels, reduction="none").flatten(1).sum(dim=1)


def gaussian_log_prob(mean: Tensor, std: Tensor | float, pixels: Tensor) -> Tensor:
    """Mean and pixels ``(B, ...)``, standard deviation of that shape or one number  ->  ``(B,)``, a log-density."""
    std = torch.as_tensor(std, dtype=mean.dtype, device=mean.device)
    # log N(x; m, s) = -((x - m)^2 / s^2 + 2 log s + log 2 pi) / 2. With a fixed s it is a squared error and a constant.
    terms = ((pixels - mean) / std).square() + 2 * std.log() + math.log(2 * math.pi)
    return -0.5 * terms.flatten(1).sum(dim=1)


def discretized_logistic_log_prob(mean: Tensor, log_scale: Tensor, pixels: Tensor, max_value: int) -> Tensor:
    """Mean, logarithm of the scale and pixels, all ``(B, C, H, W)``  ->  ``(B,)``.

    A pixel is one of the levels 0, 1/max_value, ..., 1. Its probability is that of a logistic variable in the interval
    of half a level around it; the lowest and the highest level include the tails. Salimans et al. 2017,
    arXiv:1701.05517, equation 2.
    """
    scale = log_scale.exp()
    # The two edges of the interval, standardised; the probability is sigmoid(above) - sigmoid(below).
    above = (pixels - mean + 0.5 / max_value) / scale
    below = (pixels - mean - 0.5 / max_value) / scale
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)): a product, whose logarithm is exact in the
    # tails too, where the difference of two sigmoids would be 0. b - a is -1 / (max_value * scale).
    inside = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-1 / (max_value * scale)))
    lowest, highest = pixels < 0.5 / max_value, pixels > 1 - 0.5 / max_value
    # Both branches are finite for any log-scale below 80; an infinity in the other one would give NaN gradients.
    log_prob = torch.where(lowest, F.logsigmoid(above), torch.where(highest, F.logsigmoid(-below), inside))
    return log_prob.flatten(1).sum(dim=1)


class Likelihood(nn.Module):
    """``likelihood(parameters (B, num_parameters * C, ...), pixels (B, C, ...)) -> (B,)`` log-probabilities in nats."""

    bounded = True
    """Whether pixels must be in [0, 1]."""
    discrete = False
    """Whether it is a probability, which can be reported in bits per pixel, instead of a density."""
    smallest_std: float | None = None
    """Of a density, the smallest standard deviation of a pixel, which bounds it; None: it is no density."""

    def __init__(self, num_parameters: int) -> None:
        super().__init__()
        self.num_parameters = num_parameters

    def prepare(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return pixels as the likelihood needs them; random numbers are drawn from the generator."""
        return pixels

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the mean of each pixel: ``(B, num_parameters * C, ...) -> (B, C, ...)``."""
        raise NotImplementedError

    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        """Draw samples like ``mean``; here the mean itself, as images are shown without the noise of their pixels."""
        return self.mean(parameters)


class Bernoulli(Likelihood):
    """``bernoulli_log_prob``: one logit for each pixel.

    ``binarize`` sets pixels to 0 or 1 first: ``threshold`` at 1/2, or ``sample``, drawn each time with the value of the
    pixel as the probability (Burda et al. 2016, arXiv:1509.00519). False: see ``bernoulli_log_prob``.

    Raises:
        ArgumentError: more than one parameter, or an unknown ``binarize``.
    """

    def __init__(
        self, num_parameters: Literal[1] = 1, binarize: Annotated[bool | str, OneOf(BINARIZATIONS)] = False
    ) -> None:
        super().__init__(num_parameters)
        check(Bernoulli, locals(), "loss")
        self.binarize = binarize
        self.discrete = bool(binarize)  # grey pixels have no probability

    def forward(self, parameters: Tensor, pixels: Tensor) -> Tensor:
        # In float32 under mixed precision: a sum of thousands of terms in float16 has 3 digits, or overflows.
        return bernoulli_log_prob(parameters.float(), pixels)

    def prepare(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        pixels = pixels.clamp(
            0, 1
        )  # normalisation and its inverse leave rounding errors, which torch.bernoulli refuses
        if self.binarize == "threshold":
            return (pixels > 0.5).to(pixels.dtype)
        return torch.bernoulli(pixels, generator=generator) if self.binarize else pixels

    def mean(self, parameters: Tensor) -> Tensor:
        return parameters.sigmoid()


class Gaussian(Likelihood):
    """``gaussian_log_prob`` with one parameter, the mean, and a fixed ``std``; or with two, mean and deviation.

    A learned standard deviation is at least ``min_std``: otherwise the density of pixels that are equal in all images,
    as those of a background, could grow without bound.

    Raises:
        ArgumentError: not one or two parameters, a std or min_std not above 0.
    """

    bounded = False

    def __init__(self, num_parameters: Literal[1, 2] = 1, std: Positive = 0.1, min_std: Positive = 0.02) -> None:
        super().__init__(num_parameters)
        check(Gaussian, locals(), "loss")
        self.std, self.min_std = std, min_std
        self.smallest_std = std if num_parameters == 1 else min_std

    def forward(self, parameters: Tensor, pixels: Tensor) -> Tensor:
        mean, std = self._mean_and_std(parameters.float())
        return gaussian_log_prob(mean, std, pixels)

    def mean(self, parameters: Tensor) -> Tensor:
        return self._mean_and_std(parameters)[0]

    def sample(self, parameters: Tensor, generator: torch.Generator) -> Tensor:
        mean, std = self._mean_and_std(parameters)
        noise = torch.randn(mean.shape, generator=generator, device=generator.device)
        return mean + std * noise.to(mean)

    def _mean_and_std(self, parameters: Tensor) -> tuple[Tensor, Tensor | float]:
        if self.num_parameters == 1:
            return parameters, self.std
        mean, raw = parameters.chunk(2, dim=1)  # (B, 2 * C, ...) -> twice (B, C, ...)
        # softplus keeps it positive, and unlike exp grows no faster than its input.
        return mean, self.min_std + F.softplus(raw)


class DiscretizedLogistic(Likelihood):
    """``discretized_logistic_log_prob``: mean and log-scale of each pixel, which has ``max_value + 1`` levels.

    Raises:
        ArgumentError: not two parameters, or a max_value that is not a whole number of at least 1.
    """

    # As in the code of Salimans et al.; with 256 levels this scale is a quarter of one, which gets nearly all.
    MIN_LOG_SCALE = -7.0
    discrete = True

    def __init__(self, num_parameters: Literal[2] = 2, max_value: Count = 255) -> None:
        super().__init__(num_parameters)
        check(DiscretizedLogistic, locals(), "loss")
        self.max_value = max_value

    def forward(self, parameters: Tensor, pixels: Tensor) -> Tensor:
        mean, log_scale = parameters.float().chunk(2, dim=1)
        log_scale = log_scale.clamp(min=self.MIN_LOG_SCALE)
        return discretized_logistic_log_prob(mean, log_scale, pixels, self.max_value)

    def prepare(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        # Resized or rotated pixels are between the levels.
        return (pixels.clamp(0, 1) * self.max_value).round() / self.max_value

    def mean(self, parameters: Tensor) -> Tensor:
        # Of the logistic itself, cut to the range of pixels; the exact mean of the levels would need a sum over them.
        return parameters.chunk(2, dim=1)[0].clamp(0, 1)
