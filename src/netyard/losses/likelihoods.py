"""Likelihoods of decoders: the log-probability of pixels in [0, 1], for each sample in nats.

A likelihood has ``num_parameters`` numbers for each pixel, which come as the channels of a map: all the first ones,
then all the second ones. Tables, which have columns instead of pixels, go the same way.
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
    """Logits ``(B, C, H, W)``, pixels alike in [0, 1]  ->  ``(B,)``.

    Of pixels that are 0 or 1 it is a log-probability. A grey pixel is taken for the probability of a 1: the result is
    then the expectation over pictures drawn with these probabilities, as most of the literature reports it. It is no
    log-density of the grey picture itself, and cannot be compared with one.
    """
    return -F.binary_cross_entropy_with_logits(logits, pixels, reduction="none").flatten(1).sum(dim=1)


def gaussian_log_prob(mean: Tensor, std: Tensor | float, pixels: Tensor) -> Tensor:
    """Mean ``(B, ...)``, standard deviation alike or one for all, pixels ``(B, ...)``  ->  ``(B,)``, a log-density."""
    std = torch.as_tensor(std, dtype=mean.dtype, device=mean.device)
    terms = ((pixels - mean) / std).square() + 2 * std.log() + math.log(2 * math.pi)
    return -0.5 * terms.flatten(1).sum(dim=1)


def discretized_logistic_log_prob(mean: Tensor, log_scale: Tensor, pixels: Tensor, max_value: int) -> Tensor:
    """Mean, logarithm of the scale and pixels, all ``(B, C, H, W)``  ->  ``(B,)``.

    A pixel is one of the levels 0, 1/max_value, ..., 1, and has the probability that a logistic variable falls nearer
    to it than to another; the lowest and the highest level have the tails. Salimans et al. 2017, arXiv:1701.05517.
    """
    scale = log_scale.exp()
    above = (pixels - mean + 0.5 / max_value) / scale
    below = (pixels - mean - 0.5 / max_value) / scale
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)): nothing in it cancels, however far the tail.
    inside = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-1 / (max_value * scale)))
    lowest, highest = pixels < 0.5 / max_value, pixels > 1 - 0.5 / max_value
    log_prob = torch.where(lowest, F.logsigmoid(above), torch.where(highest, F.logsigmoid(-below), inside))
    return log_prob.flatten(1).sum(dim=1)


class Likelihood(nn.Module):
    """``likelihood(parameters (B, num_parameters * C, ...), pixels (B, C, ...)) -> (B,)`` log-probabilities in nats."""

    bounded = True
    """Whether it needs pixels in [0, 1]."""
    discrete = False
    """Whether it is a probability, which can be reported in bits, and not a density."""

    def __init__(self, num_parameters: int) -> None:
        super().__init__()
        self.num_parameters = num_parameters

    def prepare(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Pixels as the likelihood needs them; random numbers, if any, come from the generator."""
        return pixels

    def mean(self, parameters: Tensor) -> Tensor:
        """The mean of each pixel: ``(B, num_parameters * C, ...) -> (B, C, ...)``."""
        raise NotImplementedError


class Bernoulli(Likelihood):
    """``bernoulli_log_prob``: one logit for each pixel.

    ``binarize`` makes the pixels 0 or 1 first: ``threshold`` at 1/2, or ``sample``, drawn anew each time with the
    pixel's value as the probability (Burda et al. 2016, arXiv:1509.00519). False: see ``bernoulli_log_prob``.

    Raises:
        ArgumentError: more parameters than one, or an unknown way to binarize.
    """

    def __init__(
        self, num_parameters: Literal[1] = 1, binarize: Annotated[bool | str, OneOf(BINARIZATIONS)] = False
    ) -> None:
        super().__init__(num_parameters)
        check(Bernoulli, locals(), "loss")
        self.binarize = binarize
        self.discrete = bool(binarize)

    def forward(self, parameters: Tensor, pixels: Tensor) -> Tensor:
        return bernoulli_log_prob(parameters.float(), pixels)

    def prepare(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        pixels = pixels.clamp(0, 1)  # normalising and back leaves a rounding error
        if self.binarize == "threshold":
            return (pixels > 0.5).to(pixels.dtype)
        return torch.bernoulli(pixels, generator=generator) if self.binarize else pixels

    def mean(self, parameters: Tensor) -> Tensor:
        return parameters.sigmoid()


class Gaussian(Likelihood):
    """``gaussian_log_prob``: the mean alone, all with the standard deviation ``std``; or two, mean and deviation.

    A learned deviation never falls below ``min_std``: a background that is the same in every picture would otherwise
    have a density without bound.

    Raises:
        ArgumentError: parameters other than one or two, a std or min_std not above 0.
    """

    bounded = False

    def __init__(self, num_parameters: Literal[1, 2] = 1, std: Positive = 0.1, min_std: Positive = 0.02) -> None:
        super().__init__(num_parameters)
        check(Gaussian, locals(), "loss")
        self.std, self.min_std = std, min_std

    def forward(self, parameters: Tensor, pixels: Tensor) -> Tensor:
        mean, std = self._mean_and_std(parameters.float())
        return gaussian_log_prob(mean, std, pixels)

    def mean(self, parameters: Tensor) -> Tensor:
        return self._mean_and_std(parameters)[0]

    def _mean_and_std(self, parameters: Tensor) -> tuple[Tensor, Tensor | float]:
        if self.num_parameters == 1:
            return parameters, self.std
        mean, raw = parameters.chunk(2, dim=1)
        return mean, self.min_std + F.softplus(raw)


class DiscretizedLogistic(Likelihood):
    """``discretized_logistic_log_prob``: mean and log-scale for each pixel, of ``max_value + 1`` levels.

    Raises:
        ArgumentError: parameters other than two, or a max_value that is no whole number of at least 1.
    """

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
        return (pixels.clamp(0, 1) * self.max_value).round() / self.max_value  # augmented pixels lie between levels

    def mean(self, parameters: Tensor) -> Tensor:
        return parameters.chunk(2, dim=1)[0].clamp(0, 1)
