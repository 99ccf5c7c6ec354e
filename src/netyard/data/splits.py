"""Cutting a held-out part from a data set, the same part on every machine and under every training seed."""

from __future__ import annotations

import torch
from torch import Tensor

from netyard.data.keys import SPLIT, sample_keys
from netyard.errors import ConfigError, DataError

TEST_SEED = 0
"""Of the test part where none is official. No setting moves it, so that scores stay comparable."""


def holdout(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of what stays and of what is held out, each ascending; together they are every sample once.

    Integer labels (N,) are stratified: each class gives its share, and keeps at least one sample where it
    can. Float labels (N, num_targets) are cut at random.

    Raises:
        ConfigError: the fraction is not strictly between 0 and 1.
        DataError: fewer than two samples.
    """
    if not 0 < fraction < 1:
        raise ConfigError(
            f"the held-out fraction is {fraction}; it must be above 0 and below 1;",
            type_this="try data.val_fraction=0.1.",
        )
    num_samples = len(labels)
    if num_samples < 2:
        raise DataError(
            f"the data set has {num_samples} sample(s) to cut a held-out part from;",
            "one must stay and one must go;",
            "give it more samples.",
        )
    wanted = min(max(round(num_samples * fraction), 1), num_samples - 1)
    classes = torch.zeros(num_samples, dtype=torch.long) if labels.is_floating_point() else labels.cpu()
    order = sample_keys(seed, 0, torch.arange(num_samples), SPLIT).argsort(stable=True)
    order = order[classes[order].argsort(stable=True)]  # by class, at random within each

    counts = torch.bincount(classes)
    place = torch.arange(num_samples) - (counts.cumsum(0) - counts)[classes[order]]  # within its class
    quota = _quota(counts, wanted)[classes[order]]
    # Rounding may leave quotas short, and with one sample a class all are 0. Then any sample fills the part,
    # but the last of a class only when nothing else is left.
    turn = torch.where(place < quota, 0, torch.where(place < counts[classes[order]] - 1, 1, 2))
    mixed = sample_keys(seed, 1, order, SPLIT).argsort(stable=True)
    taken = order[mixed[turn[mixed].argsort(stable=True)]][:wanted]
    held = torch.zeros(num_samples, dtype=torch.bool)
    held[taken] = True
    return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)


def _quota(counts: Tensor, wanted: int) -> Tensor:
    """How many each class gives, by largest remainders and never all: (num_classes,) -> (num_classes,)."""
    share = counts.double() * wanted / counts.sum()
    quota = share.floor().long()
    remainder = (share - quota).argsort(descending=True, stable=True)
    quota[remainder[: wanted - int(quota.sum())]] += 1
    return torch.minimum(quota, (counts - 1).clamp(min=0))
