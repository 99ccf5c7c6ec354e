"""Penalties on the weights themselves."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def l1_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """Return the sum of absolute values, a scalar; 0 without parameters. The lasso: Tibshirani 1996.

    Call it with the parameters that weight decay applies to: ``l1_penalty(regularised_parameters(net))``.
    """
    sums = [parameter.abs().sum() for parameter in parameters]
    return torch.stack(sums).sum() if sums else torch.zeros(())
