"""What the checks read of a finished run, in plain types."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Run = Literal["train", "resume", "better"]


class Suggestion(NamedTuple):
    """A command: a new run with the same overrides and these, the same run continued, or what is better: a recipe."""

    run: Run
    overrides: tuple[str, ...] = ()


class Diagnosis(NamedTuple):
    """What one check found."""

    check: str
    sentence: str
    suggestion: Suggestion


@dataclass(frozen=True)
class Facts:
    """The measurements of a run that has completed."""

    history: Sequence[Mapping[str, float]]
    """A row of ``metrics.csv`` for each epoch, without what was not measured in it."""
    metrics: Mapping[str, float]
    """Validation of the best epoch, and the test."""
    objective: Mapping[str, Any]
    """``name``, ``mode``, ``value`` and ``epoch`` of the best epoch."""
    config: Mapping[str, Any]
    choices: Mapping[str, Any]
    samples: Mapping[str, int] = field(default_factory=dict)
    """Of each part of the data."""
    classes: Mapping[str, int] = field(default_factory=dict)
    """Training samples of each class."""
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """As in ``results.json``."""
    compared: str | None = None
    """The metric by which network and baselines are compared; None: all that have a direction."""
    horizon: int = 1
    """Steps of a forecast: so many windows in a row share true values."""
    loss_shows_progress: bool = True
    """Whether a smaller training loss means a better network."""
    ended_early: bool = False
    """Whether something else than the planned number of epochs ended the run."""
    is_image: bool = False
    predicted_class: str | None = None
    """The one class that was predicted for all samples of the test, which are of several."""
    dead_units: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Of each ReLU layer the units that were zero for all validation samples looked at, and all of its units."""

    def curve(self, name: str) -> list[tuple[int, float]]:
        """(epoch, value) of each epoch in which the metric was measured and finite."""
        return [(int(row["epoch"]), row[name]) for row in self.history if math.isfinite(row.get(name, math.nan))]

    def values(self, name: str) -> list[float]:
        return [value for _, value in self.curve(name)]

    def setting(self, key: str, default: Any = None) -> Any:
        """The value at a dotted key of the config."""
        node: Any = self.config
        for name in key.split("."):
            if not isinstance(node, Mapping) or name not in node:
                return default
            node = node[name]
        return node

    @property
    def majority(self) -> float | None:
        """The share of the most frequent class among the training samples; None if there are no classes."""
        total = sum(self.classes.values())
        return max(self.classes.values()) / total if total and len(self.classes) > 1 else None


def again(*overrides: str) -> Suggestion:
    """A new run, with these overrides besides those that were typed."""
    return Suggestion("train", overrides)
