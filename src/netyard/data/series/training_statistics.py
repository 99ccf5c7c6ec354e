"""Statistics of the training steps of series: what inputs are standardised by, and the scale of MASE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netyard.data.series.channels import Channels
from netyard.errors import DataError


@dataclass(frozen=True)
class SeriesStatistics:
    """Of the training steps."""

    targets: tuple[Tensor, Tensor, Tensor]
    """Mean, std and scale of MASE: float32 scalars, or (series, columns)."""
    covariates: tuple[Tensor, Tensor]
    """Mean and std of past, future and static channels: float32 (channels,)."""


def measure(
    training: Sequence[np.ndarray], channels: Channels, season: int, what: str, columns: Sequence[str]
) -> SeriesStatistics:
    """Measure the training steps of each series, (T, C).

    Raises:
        DataError: the only series is constant, or exactly periodic, so that the scale of MASE is 0.
    """
    alone = len(training) == 1
    rows = []
    for values in training:
        parts = [torch.from_numpy(values[:, place].copy()) for place in range(channels.num_targets)]
        names = [what if len(columns) == 1 else f"column {name!r} of {what.rpartition(' of ')[2]}" for name in columns]
        rows.append([_of_target(each, season, name, alone) for each, name in zip(parts, names, strict=True)])
    tables = [torch.stack([torch.stack([each[place] for each in row]) for row in rows]) for place in range(3)]
    mean, std, scale = (each[0, 0] if each.numel() == 1 else each for each in tables)
    first, count = channels.num_targets, channels.num_past + channels.num_future + channels.num_static
    others = torch.from_numpy(np.concatenate(training)[:, first : first + count])
    if not count:
        return SeriesStatistics((mean, std, scale), (torch.zeros(0), torch.ones(0)))
    # Channels of 0 and 1, and of sines, are as they are: the words of a rare holiday would become large numbers.
    flags = (others.abs() <= 1).all(dim=0)
    center, spread = others.mean(dim=0), others.std(dim=0, correction=0)
    center = torch.where(flags, 0.0, center)
    spread = torch.where(flags | (spread < 1e-12), 1.0, spread)
    return SeriesStatistics((mean, std, scale), (center.float(), spread.float()))


def _of_target(train: Tensor, season: int, what: str, alone: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, std and scale of one target (T,), float64."""
    if bool((train == train[0]).all()):
        raise DataError(
            f"{what} is {train[0]:g} at each of its {len(train)} training steps;",
            "a constant series has nothing to learn, and no scale for its errors;",
            "try another data.column.",
        )
    # |y_t - y_(t - season)|, the denominator of MASE.
    scale = (train[season:] - train[:-season]).abs().mean()
    if not scale > 0:
        if not alone:  # one of many that repeats itself, or is shorter than a season
            scale = (train[1:] - train[:-1]).abs().mean()
        else:
            raise DataError(
                f"{what} repeats itself exactly every {season} steps of training;",
                "MASE divides by the error of the seasonal naive forecast, which is 0 here;",
                "try data.season=1.",
            )
    # Rounded to float32 at the end only: a sum of many float32 numbers loses digits.
    return train.mean().float(), train.std(correction=0).float(), scale.float()
