"""Penalties on the weights themselves."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def l1_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """The sum of absolute values, a scalar; 0 without parameters. The lasso: Tibshirani 1996.

    Which parameters are penalised is decided where weight decay decides it:
    ``l1_penalty(regularised_parameters(net))``.
    """
    sums = [parameter.abs().sum() for parameter in parameters]
    return torch.stack(sums).sum() if sums else torch.zeros(())
