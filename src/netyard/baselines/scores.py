"""The values that baselines of one kind reach on a part of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Mode = Literal["min", "max"]


@dataclass(frozen=True)
class Scores:
    """What each baseline reaches."""

    values: Mapping[str, Mapping[str, float]]
    """``{"accuracy": {"majority": 0.1, ...}, ...}``, metrics without their stage; the first is the one compared."""
    mode: Mode
    """Whether the first metric should be small or large."""
    subset: int | None = None
    """The largest number of training samples that one of them has learned from, if that is not all."""
    tested: int | None = None
    """The number of samples they were scored on, if that is not all."""
    chosen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The hyperparameters of each that were chosen on the validation part."""

    fits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is known of each fit: ``samples`` it learned from, and ``validated``, the first metric on the validation
    part; what a kind needs to fit it again."""

    def state(self) -> dict[str, Any]:
        """The same in types of JSON: finite numbers, rounded to float32 as the metrics of a network are."""
        finite = {
            metric: {name: float(np.float32(value)) for name, value in values.items() if math.isfinite(value)}
            for metric, values in self.values.items()
        }
        return {
            "values": {metric: values for metric, values in finite.items() if values},
            "mode": self.mode,
            "subset": self.subset,
            "tested": self.tested,
            "chosen": {name: dict(each) for name, each in self.chosen.items()},
            "fits": {name: dict(each) for name, each in self.fits.items()},
        }
